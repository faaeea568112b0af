#include "history_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "notify/message.h"
#include "report/units.h"
#include "report/verdict_text.h"
#include "words.h"

namespace mla {
namespace {

constexpr size_t kMarksShown = 20;

std::string utc(double wall_s) {
  const auto seconds = static_cast<time_t>(std::floor(wall_s));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 24> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

struct Service {
  ServiceKey of;
  std::vector<const SeriesRecord*> series;
  double first_t = 0;
  double last_t = 0;
};

// In order of service and host, the builds of one in order of time.
std::vector<Service> services_of(const HistoryView& view) {
  std::vector<Service> services;
  for (const SeriesRecord& one : view.series) {
    auto at = std::find_if(services.begin(), services.end(),
                           [&one](const Service& service) { return service.of == one.key.of; });
    if (at == services.end()) {
      at = services.insert(services.end(), {one.key.of, {}, one.first_t, one.last_t});
    }
    at->series.push_back(&one);
    at->first_t = std::min(at->first_t, one.first_t);
    at->last_t = std::max(at->last_t, one.last_t);
  }
  return services;
}

// Means over the workers of a service, by steps of the level that fits the time asked for.
struct Curve {
  std::vector<double> t_s;
  std::vector<double> rss;
  std::vector<double> live;
};

Curve curve_of(Store& store, const Service& service, const HistoryView& view) {
  struct Sum {
    double rss = 0;
    double live = 0;
    int64_t n = 0;
    int64_t live_n = 0;
  };
  size_t level = 0;
  while (level < kCoarsest && view.to_t - view.from_t > kLevels[level].keep_s) ++level;
  std::map<double, Sum> sums;
  for (const SeriesRecord* one : service.series) {
    for (const Point& point : store.points(one->id, level, view.from_t, view.to_t)) {
      Sum& sum = sums[point.t];
      sum.rss += point.rss_bytes;
      ++sum.n;
      if (!point.live_bytes) continue;
      sum.live += *point.live_bytes;
      ++sum.live_n;
    }
  }
  Curve curve;
  bool live_known = true;
  for (const auto& [t, sum] : sums) {
    curve.t_s.push_back(t);
    curve.rss.push_back(sum.rss / static_cast<double>(sum.n));
    live_known = live_known && sum.live_n > 0;
    if (live_known) curve.live.push_back(sum.live / static_cast<double>(sum.live_n));
  }
  if (!live_known) curve.live.clear();
  return curve;
}

void write_curve(std::ostream& out, const char* what, const Curve& curve,
                 const std::vector<double>& values, const HistoryTextOptions& options) {
  if (values.size() < 2) return;
  out << "  " << what << ", mean of the workers\n";
  write_chart(out, curve.t_s, values, TimeUnit::kHours,
              {.width = std::clamp<size_t>(options.width - 16, 20, 100),
               .height = 5,
               .braille = options.braille});
}

}  // namespace

void write_history_text(std::ostream& out, Store& store, const HistoryView& view,
                        const HistoryTextOptions& options) {
  const std::vector<Service> services = services_of(view);
  if (services.empty()) {
    out << "nothing of it in " << view.file << " in this time\n";
    return;
  }
  for (const Service& service : services) {
    const Store::VerdictState state = store.verdict_state(service.of);
    out << service.of.service << " on " << service.of.host << ", build " << service.of.build
        << "\n  " << counted(service.series.size(), "worker") << ", "
        << utc(service.first_t + store.offset_at(service.first_t)) << " to "
        << utc(service.last_t + store.offset_at(service.last_t)) << ", verdict " << state.verdict
        << '\n';
    if (!options.charts) continue;
    const Curve curve = curve_of(store, service, view);
    write_curve(out, "RSS", curve, curve.rss, options);
    write_curve(out, "live bytes", curve, curve.live, options);
  }
  if (!view.changes.empty()) out << "\nchanges\n";
  for (const Change& change : view.changes) {
    const Message message = make_message(change, {kDefaultBody, ""});
    out << "  " << utc(change.wall_s) << "  " << message.title;
    if (change.notified) {
      out << (store.waiting(change.id) > 0 ? "; its notification waits" : "; notified");
    }
    out << '\n';
  }
  if (!options.charts || view.marks.empty()) return;
  out << "\nevents" << (view.marks.size() > kMarksShown ? ", the last 20" : "") << '\n';
  const size_t first = view.marks.size() - std::min(view.marks.size(), kMarksShown);
  for (size_t i = first; i < view.marks.size(); ++i) {
    const Mark& mark = view.marks[i];
    out << "  " << utc(mark.t + store.offset_at(mark.t)) << "  " << mark_name(mark.kind) << ' '
        << mark.detail << '\n';
  }
}

void write_history_json(std::ostream& out, Store& store, const HistoryView& view) {
  nlohmann::ordered_json document;
  document["schema"] = {{"name", "mla-history"}, {"version", 1}};
  document["file"] = view.file;
  document["from"] = view.from_t + view.offset;
  document["to"] = view.to_t + view.offset;
  document["notifications_waiting"] = store.waiting();
  document["services"] = nlohmann::json::array();
  for (const Service& service : services_of(view)) {
    nlohmann::ordered_json entry{{"service", service.of.service},
                                 {"host", service.of.host},
                                 {"build", service.of.build},
                                 {"verdict", store.verdict_state(service.of).verdict}};
    entry["workers"] = nlohmann::json::array();
    for (const SeriesRecord* one : service.series) {
      entry["workers"].push_back(
          nlohmann::ordered_json{{"id", one->id},
                                 {"pid", one->process.pid},
                                 {"command", one->key.command},
                                 {"recorded", one->recorded},
                                 {"first", one->first_t + store.offset_at(one->first_t)},
                                 {"last", one->last_t + store.offset_at(one->last_t)},
                                 {"verdict", one->verdict}});
    }
    const Curve curve = curve_of(store, service, view);
    entry["points"] = nlohmann::json::array();
    for (size_t i = 0; i < curve.t_s.size(); ++i) {
      entry["points"].push_back(
          {{"time", curve.t_s[i] + store.offset_at(curve.t_s[i])},
           {"rss_bytes", curve.rss[i]},
           {"live_bytes",
            curve.live.empty() ? nlohmann::json(nullptr) : nlohmann::json(curve.live[i])}});
    }
    document["services"].push_back(std::move(entry));
  }
  document["changes"] = nlohmann::json::array();
  for (const Change& change : view.changes) {
    document["changes"].push_back(nlohmann::ordered_json{
        {"id", change.id},
        {"kind", change_name(change.kind)},
        {"time", change.wall_s},
        {"service", change.of.service},
        {"host", change.of.host},
        {"build", change.of.build},
        {"before", change.before},
        {"verdict", change.verdict},
        {"notified", change.notified},
        {"evidence", nlohmann::ordered_json::parse(change.evidence, nullptr, false)}});
  }
  document["events"] = nlohmann::json::array();
  for (const Mark& mark : view.marks) {
    document["events"].push_back(nlohmann::ordered_json{
        {"kind", mark_name(mark.kind)},
        {"time", mark.t + store.offset_at(mark.t)},
        {"worker", mark.series == 0 ? nlohmann::json(nullptr) : nlohmann::json(mark.series)},
        {"detail", mark.detail}});
  }
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void write_history_csv(std::ostream& out, Store& store, const HistoryView& view) {
  out << "time,service,host,build,worker,rss_bytes,live_bytes\n";
  for (const SeriesRecord& one : view.series) {
    const std::string of = ',' + csv_cell(one.key.of.service) + ',' + csv_cell(one.key.of.host) +
                           ',' + csv_cell(one.key.of.build) + ',' + std::to_string(one.id) + ',';
    for (const Point& point : store.finest(one.id, view.from_t, view.to_t)) {
      out << utc(point.t + store.offset_at(point.t)) << of << std::llround(point.rss_bytes) << ',';
      if (point.live_bytes) out << std::llround(*point.live_bytes);
      out << '\n';
    }
  }
}

}  // namespace mla
