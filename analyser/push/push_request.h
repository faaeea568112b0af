// A profile on its way to a server of profiles.
//
//   Pyroscope  POST /ingest?name=app{k=v}&from=UNIX&until=UNIX&format=pprof&spyName=mla, the body
//   is
//              the profile; https://grafana.com/docs/pyroscope/latest/reference-server-api/
//   Parca      POST /api/profiles/writeraw, JSON with the profile in base64;
//              parca.profilestore.v1alpha1.ProfileStoreService.WriteRaw
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "notify/http.h"
#include "report/pprof.h"

namespace mla {

enum class PushServer { kPyroscope, kParca };

// Pyroscope's defaults: what is larger it refuses. Parca is content with the same.
inline constexpr PprofLimits kPushLimits{.bytes = 4 << 20, .samples = 16'000, .frames = 1'000};
inline constexpr size_t kMostLabels = 30;
inline constexpr size_t kLongestLabelName = 1024;   // bytes
inline constexpr size_t kLongestLabelValue = 2048;  // bytes
// Older profiles Pyroscope refuses (an hour), and newer ones than its clock (ten minutes). With a
// margin for clocks that differ and attempts that take their time.
inline constexpr uint64_t kOldestNs = 50 * 60 * 1'000'000'000ULL;
inline constexpr uint64_t kNewestNs = 5 * 60 * 1'000'000'000ULL;

using PushLabels = std::map<std::string, std::string>;

struct PushTarget {
  PushServer server = PushServer::kPyroscope;
  std::string url;     // of the server, without the path of its interface; may hold a password
  std::string tenant;  // of a Pyroscope with tenants; empty: none
};

// "name=value" into `labels`, in place of one of that name. Throws Error, naming --label, for a
// name or value that the servers refuse.
void add_label(PushLabels& labels, const std::string& text);

// Values a server would refuse are made fit: what was recorded may be any bytes. For labels the
// user did not give.
PushLabels fit_labels(const PushLabels& labels);

// Throws Error for an address that is none, and for more than kMostLabels.
void check_push(const PushTarget& target, const PushLabels& labels);

// The moment to send: `at` unless a server would refuse it for its age, then `now`.
uint64_t acceptable_time_ns(uint64_t at_unix_ns, uint64_t now_unix_ns);

// `labels` has "service"; `profile` is compressed.
HttpRequest push_request(const PushTarget& target, const PushLabels& labels,
                         const std::string& profile, uint64_t time_unix_ns);

// The address without user and password.
std::string address_to_show(const std::string& url);

}  // namespace mla
