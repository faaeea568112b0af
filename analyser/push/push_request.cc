#include "push/push_request.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "reader/error.h"
#include "report/packing.h"
#include "report/utf8.h"

namespace mla {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kSecondsOfASample = 10;  // Pyroscope takes a profile to be of a stretch of time

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_label_name(const std::string& name) {
  return !name.empty() && name.size() <= kLongestLabelName && is_letter(name[0]) &&
         !name.starts_with("__") &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

// What ends a value in "app{k=v,k=v}" cannot be in one: that notation knows no escape.
bool is_fit(char c) { return std::string_view("{},=\"\n").find(c) == std::string_view::npos; }

bool is_label_value(const std::string& value) {
  return !value.empty() && value.size() <= kLongestLabelValue && value == printable(value) &&
         std::all_of(value.begin(), value.end(), is_fit);
}

// RFC 3986, section 2.
std::string percent_encoded(const std::string& text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '~') {
      result += c;
    } else {
      result += '%';
      result += kHex[byte >> 4U];
      result += kHex[byte & 15U];
    }
  }
  return result;
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

HttpRequest to_pyroscope(const PushTarget& target, const PushLabels& labels,
                         const std::string& profile, uint64_t time_unix_ns) {
  std::string name = labels.at("service");
  char before = '{';
  for (const auto& [label, value] : labels) {
    if (label == "service") continue;
    name += before;
    name += label;
    name += '=';
    name += value;
    before = ',';
  }
  if (before == ',') name += '}';
  const uint64_t until = time_unix_ns / kNsPerSecond;
  HttpRequest request;
  request.url = without_slash(target.url);
  request.url += "/ingest?name=" + percent_encoded(name);
  request.url += "&from=" + std::to_string(until - std::min(until, kSecondsOfASample));
  request.url += "&until=" + std::to_string(until) + "&format=pprof&spyName=mla";
  request.headers = {"Content-Type: application/octet-stream"};
  if (!target.tenant.empty()) request.headers.push_back("X-Scope-OrgID: " + target.tenant);
  request.body = profile;
  return request;
}

HttpRequest to_parca(const PushTarget& target, const PushLabels& labels,
                     const std::string& profile) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  list.push_back({{"name", "__name__"}, {"value", "memory"}});
  for (const auto& [name, value] : labels) list.push_back({{"name", name}, {"value", value}});
  nlohmann::ordered_json series;
  series["labels"]["labels"] = std::move(list);
  series["samples"] = nlohmann::ordered_json::array({{{"rawProfile", base64(profile)}}});
  nlohmann::ordered_json document;
  document["series"] = nlohmann::ordered_json::array({std::move(series)});
  document["normalized"] = false;
  HttpRequest request;
  request.url = without_slash(target.url) + "/api/profiles/writeraw";
  request.headers = {"Content-Type: application/json"};
  request.body = document.dump();
  return request;
}

// "host", "host:port" or "[address]:port", the port a number.
bool is_host(const std::string& host) {
  const size_t name = host.starts_with('[') ? host.find(']') : 0;
  if (host.empty() || name == std::string::npos) return false;
  const size_t colon = host.find(':', name);
  if (colon == std::string::npos) return true;
  const std::string port = host.substr(colon + 1);
  return colon > 0 && !port.empty() && port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), is_digit) && std::stoul(port) <= 65535;
}

}  // namespace

void add_label(PushLabels& labels, const std::string& text) {
  const size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  if (equals == std::string::npos || !is_label_name(name)) {
    throw Error("--label", "'" + text + "' is not NAME=VALUE",
                "give a name of letters, digits and _ that does not begin with __");
  }
  const std::string value = text.substr(equals + 1);
  if (!is_label_value(value)) {
    throw Error("--label " + name,
                "the value is empty, too long or has a character no server takes",
                "give 1 to 2048 bytes of UTF-8 without { } , = \"");
  }
  labels[name] = value;
}

PushLabels fit_labels(const PushLabels& labels) {
  PushLabels fit;
  for (const auto& [name, value] : labels) {
    std::string text = cut_right(printable(value), kLongestLabelValue / 4);  // bytes of a character
    for (char& c : text) c = is_fit(c) ? c : '_';
    if (!text.empty()) fit[name] = text;
  }
  fit.emplace("service", "unknown");
  return fit;
}

void check_push(const PushTarget& target, const PushLabels& labels) {
  const std::string option = target.server == PushServer::kPyroscope ? "--pyroscope" : "--parca";
  const bool address = target.url.starts_with("https://") || target.url.starts_with("http://");
  // The authority ends at the first '/': a password with one in it would be taken for a path and
  // a port, and be shown as such.
  const size_t slash = address ? target.url.find('/', target.url.find("://") + 3) : 0;
  if (address && slash != std::string::npos && target.url.find('@', slash) != std::string::npos) {
    throw Error(option, "there is an @ behind the first / of the address",
                "write / and @ of a user and password as %2F and %40");
  }
  if (!address || !is_host(host_of(target.url)) ||
      target.url.find_first_of("?# \r\n") != std::string::npos) {
    throw Error(option, "this is not the address of a server",
                "give one such as http://localhost:4040, or @FILE with one in it");
  }
  if (target.tenant != printable(target.tenant)) {
    throw Error("--tenant", "it has a control character", "give the id the server knows");
  }
  if (labels.size() > kMostLabels) {
    throw Error("--label", std::to_string(labels.size()) + " labels are too many",
                "leave it at " + std::to_string(kMostLabels) +
                    ", of which service, host and build are three");
  }
}

uint64_t acceptable_time_ns(uint64_t at_unix_ns, uint64_t now_unix_ns) {
  const bool old = at_unix_ns + kOldestNs < now_unix_ns;
  const bool ahead = at_unix_ns > now_unix_ns + kNewestNs;
  return old || ahead ? now_unix_ns : at_unix_ns;
}

HttpRequest push_request(const PushTarget& target, const PushLabels& labels,
                         const std::string& profile, uint64_t time_unix_ns) {
  return target.server == PushServer::kPyroscope
             ? to_pyroscope(target, labels, profile, time_unix_ns)
             : to_parca(target, labels, profile);
}

std::string address_to_show(const std::string& url) {
  const size_t begin = url.find("://") + 3;
  const size_t end = url.find_first_of("/?#", begin);
  return url.substr(0, begin) + host_of(url) + (end == std::string::npos ? "" : url.substr(end));
}

}  // namespace mla
