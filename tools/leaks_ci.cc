#include "leaks_ci.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string_view>

#include "report/utf8.h"

namespace mla {
namespace {

// What XML 1.0 cannot hold, not even escaped, becomes '?': most control characters, U+FFFE, U+FFFF.
std::string xml(std::string_view text) {
  std::string escaped;
  for (const char c : valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else if (c == '\n') {
      escaped += "&#10;";
    } else {
      escaped += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
  }
  for (const char* none : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {
    for (size_t at = escaped.find(none); at != std::string::npos; at = escaped.find(none, at)) {
      escaped.replace(at, 3, "?");
    }
  }
  return escaped;
}

// As the runner takes back: %, line ends, and in a property also what separates properties.
std::string command_text(std::string_view text, bool property) {
  std::string escaped;
  for (const char c : valid_utf8(text)) {
    if (c == '%') {
      escaped += "%25";
    } else if (c == '\r') {
      escaped += "%0D";
    } else if (c == '\n') {
      escaped += "%0A";
    } else if (property && c == ':') {
      escaped += "%3A";
    } else if (property && c == ',') {
      escaped += "%2C";
    } else {
      escaped += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return escaped;
}

std::string seconds(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

}  // namespace

std::string path_for_ci(const std::string& file, const std::string& program_directory,
                        const std::string& directory) {
  namespace fs = std::filesystem;
  if (file.empty() || file.front() == '<') return "";  // Python's "<string>"
  const fs::path path = (fs::path(program_directory) / file).lexically_normal();
  const fs::path relative = path.lexically_relative(fs::path(directory).lexically_normal());
  if (relative.empty() || *relative.begin() == "..") return path.string();
  return relative.string();
}

void write_junit(std::ostream& out, const CiResult& result) {
  const bool leak = result.outcome == CiResult::Outcome::kLeak;
  const bool open = result.outcome == CiResult::Outcome::kNotEnough;
  const size_t sites = leak ? result.sites.size() : 0;
  const std::string counts = "tests=\"" + std::to_string(1 + sites) + "\" failures=\"" +
                             std::to_string(leak ? 1 + sites : 0) + "\" errors=\"0\" skipped=\"" +
                             (open ? "1" : "0") + "\" time=\"" + seconds(result.seconds) + "\"";
  const std::string class_name = "mla leaks." + xml(result.program);
  out << R"(<?xml version="1.0" encoding="UTF-8"?>)"
      << "\n<testsuites " << counts << ">\n<testsuite name=\"mla leaks\" " << counts << ">\n"
      << "<testcase classname=\"" << class_name << "\" name=\"process\" time=\""
      << seconds(result.seconds) << '"';
  if (leak) {
    out << ">\n<failure type=\"leak\" message=\"" << xml(result.verdict) << "\">"
        << xml(result.command + "\n" + result.evidence) << "</failure>\n</testcase>\n";
  } else if (open) {
    out << ">\n<skipped message=\"" << xml(result.verdict) << "\"/>\n</testcase>\n";
  } else {
    out << ">\n<system-out>" << xml(result.verdict) << "</system-out>\n</testcase>\n";
  }
  std::map<std::string, size_t> named;
  for (size_t i = 0; i < sites; ++i) {
    const LeakingSite& site = result.sites[i];
    std::string name = site.name;
    if (!site.file.empty()) name += " (" + site.file + ':' + std::to_string(site.line) + ')';
    const size_t before = named[name]++;  // readers take cases of one name for one
    if (before > 0) name += " #" + std::to_string(before + 1);
    out << "<testcase classname=\"" << class_name << "\" name=\"" << xml(name) << '"';
    if (!site.file.empty()) {
      out << " file=\"" << xml(site.file) << "\" line=\"" << site.line << '"';
    }
    out << " time=\"0\">\n<failure type=\"leak\" message=\"leak, " << xml(site.rate) << "\">"
        << xml(site.stack) << "</failure>\n</testcase>\n";
  }
  out << "</testsuite>\n</testsuites>\n";
}

void write_annotations(std::ostream& out, const CiResult& result) {
  const std::string title = " title=" + command_text("mla leaks: " + result.program, true) + "::";
  if (result.outcome == CiResult::Outcome::kPassed) return;
  if (result.outcome == CiResult::Outcome::kNotEnough) {
    out << "::warning" << title << command_text(result.verdict, false) << '\n';
    return;
  }
  if (result.sites.empty()) {
    out << "::error" << title << command_text(result.verdict, false) << '\n';
  }
  for (const LeakingSite& site : result.sites) {
    out << "::error";
    if (!site.file.empty()) {
      out << " file=" << command_text(site.file, true) << ",line=" << site.line << ',';
    } else {
      out << ' ';
    }
    out << title.substr(1)
        << command_text("leak, " + site.rate + ": " + site.name + "\n" + site.stack, false) << '\n';
  }
}

}  // namespace mla
