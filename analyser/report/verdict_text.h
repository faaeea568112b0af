// A verdict for a person and for a program.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <span>
#include <string>

#include "reader/snapshot.h"
#include "report/chart.h"
#include "verdict/process_verdict.h"
#include "verdict/verdict.h"

namespace mla {

// How a series counts time: in hours, or in samples where it has no times (one a second is then
// pretended).
enum class TimeUnit { kHours, kSamples };

// 1.5 MiB/h, -12.0 KiB/h, 0.25 B/h; without times 1.5 MiB/sample.
std::string human_rate(double bytes_per_hour, TimeUnit unit);
// Whether the rate is told from none, for tables that have no room for its interval.
bool has_rate(const SeriesVerdict& v);

// "leak", "no leak above 1.2 MiB/h" and the like, in one line: never a bare "no leak".
std::string verdict_line(const SeriesVerdict& v, TimeUnit unit);

// The evidence, lines indented by two: rate with its interval, what could have been missed, models,
// information.
void write_evidence(std::ostream& out, const SeriesVerdict& v, TimeUnit unit);

// A chart of the series with its scale, indented by two.
void write_chart(std::ostream& out, std::span<const double> t_s, std::span<const double> bytes,
                 TimeUnit unit, const ChartStyle& style);

// verdict, probability, reason, rate_bytes_per_hour {value, low, high}, detectable_bytes_per_hour,
// model and the rest; docs/analyse.md names them. Rates are null for a series without times.
nlohmann::ordered_json verdict_json(const SeriesVerdict& v, TimeUnit unit);

// Of the blocks ever allocated there, from 0 to 1.
double freed_share(const Site& site);

// What it holds; of a program that frees all at its end, what it held at the last census: "live
// 1.2 MiB in 14 blocks at 24.5 s, all freed since".
std::string live_words(const Snapshot& snapshot, const SiteVerdict& one);

// The cohorts of a call site: from_s, to_s, allocated (null: not known), live, live_bytes of each.
nlohmann::ordered_json cohorts_json(const SiteCohorts& site);

}  // namespace mla
