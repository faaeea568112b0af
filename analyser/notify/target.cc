#include "notify/target.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "notify/http.h"
#include "notify/secret.h"
#include "reader/error.h"
#include "report/packing.h"

namespace mla {
namespace {

constexpr std::array<std::pair<const char*, TargetKind>, 5> kKinds = {
    {{"webhook", TargetKind::kWebhook},
     {"wecom", TargetKind::kWecom},
     {"slack", TargetKind::kSlack},
     {"mail", TargetKind::kMail},
     {"exec", TargetKind::kExec}}};
constexpr size_t kWecomBytes = 4096;    // of the content, UTF-8; the robot refuses more
constexpr size_t kSlackBytes = 12'000;  // a text is cut off at 40,000 characters; escapes take 5

// FNV-1a, 32 bits: enough to tell targets apart, and it gives no key away.
std::string hash_of(const std::string& text) {
  uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  std::array<char, 16> hex{};
  std::snprintf(hex.data(), hex.size(), "%08x", hash);
  return hex.data();
}

// Cut between characters, with an ellipsis.
std::string at_most(std::string text, size_t bytes) {
  if (text.size() <= bytes) return text;
  size_t end = bytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

std::string escaped(const std::string& text, bool quote_marks) {
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>' && quote_marks) {
      result += "&gt;";
    } else {
      result += c;
    }
  }
  return result;
}

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A title in bold or colour, then the rest.
std::string with_title(const Message& message, const std::string& before, const std::string& after,
                       bool quote_marks) {
  std::string text = before;
  text += escaped(message.title, quote_marks);
  text += after;
  text += escaped(message.text.substr(message.title.size()), quote_marks);
  return text;
}

std::string wecom_payload(const Change& change, const Message& message) {
  const bool bad = change.kind != ChangeKind::kVerdict || change.verdict == "leak";
  const std::string colour = bad ? "<font color=\"warning\">" : "<font color=\"info\">";
  const std::string content = with_title(message, "**" + colour, "</font>**", false);
  return dump(
      {{"msgtype", "markdown"}, {"markdown", {{"content", at_most(content, kWecomBytes)}}}});
}

// RFC 2047: encoded words of at most 75 characters; ASCII stays as it is. One line.
std::string header_text(std::string text) {
  bool ascii = true;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    ascii = ascii && static_cast<unsigned char>(c) < 0x7f;
  }
  if (ascii) return text;
  std::string encoded;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(begin + 45, text.size());
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    encoded += encoded.empty() ? "=?UTF-8?B?" : "\n =?UTF-8?B?";
    encoded += base64(text.substr(begin, end - begin));
    encoded += "?=";
    begin = end;
  }
  return encoded;
}

// RFC 5322, lines ended by \n as sendmail takes them. The body is base64: no line is too long.
std::string mail_payload(const Target& target, const Change& change, const Message& message) {
  std::string mail = "To: " + target.where + "\nSubject: [mla] " + header_text(message.title);
  mail += "\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n";
  mail += "Content-Transfer-Encoding: base64\nAuto-Submitted: auto-generated\n";
  mail += "X-Mla-Notification: " + std::to_string(change.id) + "\n\n";
  const std::string body = base64(message.text + "\n");
  for (size_t i = 0; i < body.size(); i += 76) mail += body.substr(i, 76) + "\n";
  return mail;
}

std::string json_payload(const Change& change, const Message& message) {
  nlohmann::ordered_json document;
  document["schema"] = {{"name", "mla-notification"}, {"version", 1}};
  document["id"] = change.id;
  document["kind"] = change_name(change.kind);
  document["time"] = change.wall_s;
  document["service"] = change.of.service;
  document["host"] = change.of.host;
  document["build"] = change.of.build;
  document["before"] = change.before;
  document["verdict"] = change.verdict;
  document["title"] = message.title;
  document["text"] = message.text;
  document["link"] = message.link.empty() ? nlohmann::json(nullptr) : nlohmann::json(message.link);
  document["evidence"] = nlohmann::ordered_json::parse(change.evidence, nullptr, false);
  return dump(document);
}

}  // namespace

bool is_address(const Target& target) {
  return target.kind == TargetKind::kWebhook || target.kind == TargetKind::kWecom ||
         target.kind == TargetKind::kSlack;
}

Target parse_target(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  for (const auto& [known, kind] : kKinds) {
    if (name != known || colon == std::string::npos) continue;
    Target target{kind, or_first_line(text.substr(colon + 1), "--notify"), name};
    const bool address = is_address(target);
    if (address && !target.where.starts_with("https://") && !target.where.starts_with("http://")) {
      throw Error("--notify " + name, "the target is no address",
                  "give one that begins with https:// or http://, or @FILE with one in it");
    }
    if (kind == TargetKind::kMail && (target.where.find('@') == std::string::npos ||
                                      target.where.find_first_of("\r\n") != std::string::npos)) {
      throw Error("--notify mail", "'" + target.where + "' is no mail address",
                  "give one such as mail:oncall@example.org");
    }
    if (target.where.empty()) throw Error("--notify " + name, "names nothing", "give a command");
    target.label += ':';
    if (address) target.label += host_of(target.where) + '#';
    target.label += kind == TargetKind::kMail ? target.where : hash_of(target.where);
    return target;
  }
  throw Error("--notify", "the target is of no kind mla knows",
              "begin it with webhook:, wecom:, slack:, mail: or exec:");
}

std::string payload(const Target& target, const Change& change, const Message& message) {
  switch (target.kind) {
    case TargetKind::kWecom:
      return wecom_payload(change, message);
    case TargetKind::kSlack:
      return dump({{"text", at_most(with_title(message, "*", "*", true), kSlackBytes)}});
    case TargetKind::kMail:
      return mail_payload(target, change, message);
    case TargetKind::kWebhook:
    case TargetKind::kExec:
      break;
  }
  return json_payload(change, message);
}

Refusal refusal_in_answer(const Target& target, const std::string& body) {
  if (target.kind != TargetKind::kWecom) return {};
  const nlohmann::json answer = nlohmann::json::parse(body, nullptr, false);
  if (!answer.is_object() || !answer.contains("errcode")) {
    return {"the answer is none of WeCom's", true};
  }
  const nlohmann::json& code = answer["errcode"];
  if (code == 0) return {};
  Refusal refusal{"WeCom answered errcode " + code.dump(), false};
  // -1: busy; 45009: more than 20 messages a minute.
  const int64_t number = code.is_number_integer() ? code.get<int64_t>() : 0;
  refusal.passing = number == -1 || number == 45009;
  if (answer.contains("errmsg") && answer["errmsg"].is_string()) {
    refusal.why += " (" + answer["errmsg"].get<std::string>().substr(0, 200) + ")";
  }
  return refusal;
}

}  // namespace mla
