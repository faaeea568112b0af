#include "report/verdict_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "report/units.h"

namespace mla {
namespace {

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 128> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, args...);
  return buffer.data();
}

std::string human_signed(double bytes) {
  const double size = std::abs(bytes);
  if (size >= 0x1p63) return print("%.3g B", bytes);
  std::string text;
  if (size != 0 && size < 10) {
    text = print("%.2g B", size);
  } else {
    text = human_bytes(static_cast<uint64_t>(std::llround(size)));
  }
  return bytes < 0 ? "-" + text : text;
}

std::string human_duration(double hours, TimeUnit unit) {
  if (unit == TimeUnit::kHours) return human_seconds(hours * kSecondsPerHour);
  return counted(static_cast<uint64_t>(std::llround(hours * kSecondsPerHour)), "sample");
}

// Without digits that mean nothing: 99 %, 0.5 %.
std::string human_probability(double p) { return print(p < 0.01 ? "%.1f %%" : "%.0f %%", 100 * p); }

std::string no_leak_above(const SeriesVerdict& v, TimeUnit unit) {
  if (!std::isfinite(v.detectable_bytes_per_hour)) return "no leak of any rate can be excluded";
  return "no leak above " + human_rate(v.detectable_bytes_per_hour, unit);
}

// The rate is then of what follows the growth.
bool growth_is_over(const SeriesVerdict& v) {
  return v.verdict == VerdictClass::kBounded || v.verdict == VerdictClass::kStep;
}

nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace

std::string human_rate(double bytes_per_hour, TimeUnit unit) {
  if (unit == TimeUnit::kHours) return human_signed(bytes_per_hour) + "/h";
  return human_signed(bytes_per_hour / kSecondsPerHour) + "/sample";
}

bool has_rate(const SeriesVerdict& v) { return v.n_eff > 0 && (v.rate.low > 0 || v.rate.high < 0); }

std::string verdict_line(const SeriesVerdict& v, TimeUnit unit) {
  const std::string name = verdict_name(v.verdict);
  switch (v.verdict) {
    case VerdictClass::kLeak:
      return name + ", " + human_rate(v.rate.value, unit) + ": " + v.reason;
    case VerdictClass::kInsufficient: {
      std::string line = "insufficient: " + v.reason;
      if (v.more_hours && *v.more_hours > 0) {
        line += "; run " + human_duration(*v.more_hours, unit) + " more";
        if (std::isfinite(v.then_detectable_bytes_per_hour) &&
            v.then_detectable_bytes_per_hour > 0) {
          line += " to see " + human_rate(v.then_detectable_bytes_per_hour, unit);
        }
      }
      return line;
    }
    default:
      if (v.tolerated)
        return name + ", grows by " + human_rate(v.rate.value, unit) + ": " + v.reason;
      return name + ", " + no_leak_above(v, unit) + ": " + v.reason;
  }
}

void write_evidence(std::ostream& out, const SeriesVerdict& v, TimeUnit unit) {
  out << "  probability of a leak  " << human_probability(v.probability) << '\n';
  if (v.n_eff > 0) {
    out << (growth_is_over(v) ? "  rate since it ended    " : "  rate                   ");
    if (growth_is_over(v) && v.rate.low <= 0 && v.rate.high >= 0) out << "none within the noise: ";
    out << human_rate(v.rate.value, unit) << ", 95 % interval " << human_rate(v.rate.low, unit)
        << " to " << human_rate(v.rate.high, unit) << '\n';
    out << "  detectable rate        "
        << (std::isfinite(v.detectable_bytes_per_hour)
                ? human_rate(v.detectable_bytes_per_hour, unit)
                : std::string("none yet"))
        << '\n';
    out << "  model                  " << model_name(v.model) << "; next best "
        << model_name(v.runner_up) << print(", BIC %+.1f", v.bic_difference) << '\n';
  }
  out << "  information            " << counted(v.samples, "sample") << " over "
      << human_duration(v.hours, unit);
  if (v.n_eff > 0) out << print(", worth %.0f independent of each other", v.n_eff);
  if (v.cycles > 0) {
    out << print("; %.1f cycles of ", v.cycles) << human_duration(v.cycle_hours, unit);
  }
  out << '\n';
}

void write_chart(std::ostream& out, std::span<const double> t_s, std::span<const double> bytes,
                 TimeUnit unit, const ChartStyle& style) {
  if (bytes.empty()) return;
  const auto [low, high] = std::minmax_element(bytes.begin(), bytes.end());
  const std::string top = human_signed(*high);
  const std::string bottom = human_signed(*low);
  const size_t margin = std::max(top.size(), bottom.size());
  const std::vector<std::string> lines = chart(t_s, bytes, style);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string label = i == 0 ? top : i + 1 == lines.size() ? bottom : "";
    label.insert(0, margin - label.size(), ' ');
    out << "  " << label << ' ' << lines[i] << '\n';
  }
  const double hours = (t_s.back() - t_s.front()) / kSecondsPerHour;
  std::string end = human_duration(hours, unit);
  if (style.width > end.size() + 1) end.insert(0, style.width - end.size() - 1, ' ');
  out << "  " << std::string(margin + 1, ' ') << '0' << end << '\n';
}

nlohmann::ordered_json verdict_json(const SeriesVerdict& v, TimeUnit unit) {
  const bool timed = unit == TimeUnit::kHours;
  const auto rate = [timed](double value) {
    return timed ? number(value) : nlohmann::json(nullptr);
  };
  const bool judged = v.n_eff > 0;
  nlohmann::ordered_json j;
  j["verdict"] = verdict_name(v.verdict);
  j["probability"] = v.probability;
  j["reason"] = v.reason;
  j["rate_bytes_per_hour"] = nullptr;
  if (judged && timed) {
    j["rate_bytes_per_hour"] = nlohmann::ordered_json{{"value", number(v.rate.value)},
                                                      {"low", number(v.rate.low)},
                                                      {"high", number(v.rate.high)}};
  }
  j["detectable_bytes_per_hour"] = rate(v.detectable_bytes_per_hour);
  j["model"] = judged ? nlohmann::json(model_name(v.model)) : nullptr;
  j["runner_up"] = judged ? nlohmann::json(model_name(v.runner_up)) : nullptr;
  j["bic_difference"] = judged ? number(v.bic_difference) : nullptr;
  j["n_eff"] = v.n_eff;
  j["cycles"] = v.cycles;
  j["samples"] = v.samples;
  j["hours"] = timed ? number(v.hours) : nullptr;
  j["segment_s"] = judged && timed ? nlohmann::json{v.segment_begin_s, v.segment_end_s} : nullptr;
  j["more_hours"] = v.more_hours ? rate(*v.more_hours) : nlohmann::json(nullptr);
  return j;
}

double freed_share(const Site& site) {
  return site.alloc_count == 0
             ? 0
             : static_cast<double>(site.freed_count) / static_cast<double>(site.alloc_count);
}

std::string live_words(const Snapshot& snapshot, const SiteVerdict& one) {
  const Site& site = snapshot.sites[one.site_index];
  const auto in_blocks = [&site](uint64_t bytes, uint64_t count) {
    return "live " + human_bytes(bytes) + " in " +
           counted(count, site.mapping ? "mapping" : "block");
  };
  if (site.live_count == 0 && one.cohorts) {
    uint64_t bytes = 0;
    uint64_t count = 0;
    for (const Cohort& cohort : snapshot.census.sites[*one.cohorts].cohorts) {
      bytes += cohort.live_bytes;
      count += cohort.live;
    }
    if (count > 0) {
      return in_blocks(bytes, count) + " at " +
             human_seconds(static_cast<double>(snapshot.census.t_ns) / 1e9) + ", all freed since";
    }
  }
  return in_blocks(site.live_bytes, site.live_count) + ", " +
         percent(static_cast<uint64_t>(freed_share(site) * 1000), 1000) + " freed again";
}

nlohmann::ordered_json cohorts_json(const SiteCohorts& site) {
  nlohmann::ordered_json cohorts = nlohmann::json::array();
  for (const Cohort& c : site.cohorts) {
    nlohmann::ordered_json j;
    j["from_s"] = static_cast<double>(c.from_ns) / 1e9;
    j["to_s"] = static_cast<double>(c.to_ns) / 1e9;
    const bool known = c.to_active_ns > site.since_active_ns;
    j["allocated"] = known ? nlohmann::json(c.allocated) : nlohmann::json(nullptr);
    j["live"] = c.live;
    j["live_bytes"] = c.live_bytes;
    cohorts.push_back(std::move(j));
  }
  return cohorts;
}

}  // namespace mla
