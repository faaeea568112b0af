#include "notify/message.h"

#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "reader/error.h"
#include "report/units.h"

namespace mla {
namespace {

constexpr std::array kNames = {"title",       "service",  "host", "build",  "kind",
                               "verdict",     "before",   "rate", "reason", "workers",
                               "probability", "pid",      "rss",  "live",   "ratio",
                               "time",        "evidence", "link", "id"};

// Calls `literal` with the characters between fields and `field` with their names. Returns what is
// wrong with the template; empty: nothing.
template <class Literal, class Field>
std::string parse(const std::string& text, Literal literal, Field field) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "{{") == 0 || text.compare(i, 2, "}}") == 0) {
      literal(text[i++]);
      continue;
    }
    if (text[i] != '{') {
      literal(text[i]);
      continue;
    }
    const size_t end = text.find('}', i);
    if (end == std::string::npos) return "has a { without a }; {{ is a brace";
    const std::string name = text.substr(i + 1, end - i - 1);
    if (!field(name)) return "has no field {" + name + "}";
    i = end;
  }
  return "";
}

std::string percent_encoded(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      encoded += c;
      continue;
    }
    std::array<char, 4> hex{};
    std::snprintf(hex.data(), hex.size(), "%%%02X", byte);
    encoded += hex.data();
  }
  return encoded;
}

std::string utc_time(double wall_s) {
  const auto seconds = static_cast<time_t>(wall_s);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

std::string bytes_of(const nlohmann::json& evidence, const char* name) {
  const auto at = evidence.find(name);
  if (at == evidence.end() || !at->is_number()) return "";
  const auto value = at->get<double>();
  std::string text = human_bytes(static_cast<uint64_t>(std::abs(value)));
  if (value < 0) text.insert(0, 1, '-');
  return text;
}

std::string string_of(const nlohmann::json& evidence, const char* name) {
  const auto at = evidence.find(name);
  if (at == evidence.end() || at->is_null()) return "";
  return at->is_string() ? at->get<std::string>() : at->dump();
}

std::string percentage(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.0f %%", 100 * share);
  return text.data();
}

std::string title_of(const Change& change, const Fields& fields) {
  std::string title = change.of.service;
  title += " on ";
  title += change.of.host;
  title += ": ";
  switch (change.kind) {
    case ChangeKind::kVerdict:
      title += change.verdict;
      if (!fields.at("rate").empty() && change.verdict == "leak") title += ", " + fields.at("rate");
      title += " (was ";
      title += change.before;
      title += ')';
      break;
    case ChangeKind::kDay:
      title += "memory " + fields.at("ratio") + " above yesterday's";
      break;
    case ChangeKind::kRelease:
      title += "memory " + fields.at("ratio") + " above the release before";
      break;
  }
  return title;
}

// One fact a line.
std::string evidence_lines(const nlohmann::json& evidence, const Fields& fields) {
  std::string lines;
  const auto add = [&lines](const char* name, const std::string& value) {
    if (value.empty()) return;
    if (!lines.empty()) lines += '\n';
    lines += name;
    lines += ": ";
    lines += value;
  };
  add("why", fields.at("reason"));
  add("workers", fields.at("workers"));
  add("pid", fields.at("pid"));
  if (!fields.at("rate").empty()) {
    std::string rate = fields.at("rate");
    const auto& interval = evidence.at("rate_bytes_per_hour");
    rate += ", 95 % interval " + bytes_of(interval, "low") + " to " + bytes_of(interval, "high");
    add("rate", rate);
  }
  add("probability", fields.at("probability"));
  add("RSS", fields.at("rss"));
  add("live", fields.at("live"));
  add("now", bytes_of(evidence, "mean_bytes"));
  add("before", bytes_of(evidence, "before_mean_bytes"));
  add("compared", string_of(evidence, "compared"));
  if (evidence.contains("sites")) {
    for (const auto& site : evidence.at("sites")) {
      std::string line = bytes_of(site, "bytes_per_hour");
      line += "/h in ";
      line += string_of(site, "stack");
      add("site", line);
    }
  }
  add("build", fields.at("build"));
  return lines;
}

}  // namespace

const char* const kDefaultBody = "{title}\n{evidence}\n{link}";

void check_template(const std::string& text, const std::string& option) {
  const std::string wrong = parse(
      text, [](char) {},
      [](const std::string& name) {
        return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
      });
  if (!wrong.empty()) throw Error(option, "the template " + wrong, "see `man mla-watch`");
}

std::string fill(const std::string& text, const Fields& fields) {
  std::string filled;
  parse(
      text, [&filled](char c) { filled += c; },
      [&](const std::string& name) {
        const auto at = fields.find(name);
        if (at != fields.end()) filled += at->second;
        return at != fields.end();
      });
  return filled;
}

Message make_message(const Change& change, const MessageStyle& style) {
  const nlohmann::json evidence =
      nlohmann::json::parse(change.evidence, nullptr, false).is_discarded()
          ? nlohmann::json::object()
          : nlohmann::json::parse(change.evidence);
  Message message;
  Fields& fields = message.fields;
  fields = {{"service", change.of.service},
            {"host", change.of.host},
            {"build", change.of.build},
            {"kind", change_name(change.kind)},
            {"verdict", change.verdict},
            {"before", change.before},
            {"reason", string_of(evidence, "reason")},
            {"workers", string_of(evidence, "workers_text")},
            {"pid", string_of(evidence, "pid")},
            {"rss", bytes_of(evidence, "rss_bytes")},
            {"live", bytes_of(evidence, "live_bytes")},
            {"time", utc_time(change.wall_s)},
            {"id", std::to_string(change.id)}};
  const auto share = [&evidence](const char* name) {
    const auto at = evidence.find(name);
    return at != evidence.end() && at->is_number() ? percentage(at->get<double>()) : std::string();
  };
  fields["probability"] = share("probability");
  fields["ratio"] = share("ratio");
  fields["rate"] = "";
  if (const auto rate = evidence.find("rate_bytes_per_hour");
      rate != evidence.end() && rate->is_object()) {
    fields["rate"] = bytes_of(*rate, "value") + "/h";
  }
  fields["title"] = title_of(change, fields);
  fields["evidence"] = evidence_lines(evidence, fields);
  Fields encoded;
  for (const auto& [name, value] : fields) encoded[name] = percent_encoded(value);
  encoded["link"] = "";
  fields["link"] = message.link = fill(style.link, encoded);
  message.text = fill(style.body, fields);
  while (message.text.ends_with('\n')) message.text.pop_back();
  message.title = message.text.substr(0, message.text.find('\n'));
  return message;
}

}  // namespace mla
