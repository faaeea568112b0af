#include "verdict/site_rule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

namespace mla {
namespace {

// Of the run, in active time.
constexpr double kMiddleBegin = 0.125;
constexpr double kMiddleHalf = 0.4375;
constexpr double kMiddleEnd = 0.75;
constexpr double kLeastMiddle = 8;  // survivors
constexpr double kLeastYounger = 4;
constexpr double kLeastShare = 0.4;  // of the rate in the stretch before
constexpr double kMostHazard = 1.5;  // deaths per block and run
constexpr double kLeastAge = 1.0 / 16;
constexpr double kMostAtOnce = 0.7;
constexpr double kNextToNone = 0.05;  // of what was allocated
constexpr double kTheyDie = 0.01;     // more deaths than tolerated, by chance
// A rate that has fallen so far, and by so many standard errors, may be on its way to zero.
constexpr double kSlowing = 0.75;
constexpr double kSlowingErrors = 2.5;

struct Stretch {
  double recorded = 0;
  double bytes = 0;
  double hours = 0;
  double work = 0;  // share of the run's
};

// Cohorts that lie partly in [from, to) of the run count in part.
Stretch stretch(const SiteCohorts& site, double run, double from, double to,
                const WorkDone& work_done = {}) {
  Stretch sum;
  for (const Cohort& c : site.cohorts) {
    const double begin = static_cast<double>(c.from_active_ns) / run;
    const double end = static_cast<double>(c.to_active_ns) / run;
    const double part = std::min(end, to) - std::max(begin, from);
    if (part <= 0 || end <= begin) continue;
    const double share = part / (end - begin);
    sum.recorded += share * static_cast<double>(c.recorded);
    sum.bytes += share * static_cast<double>(c.live_bytes);
    sum.hours += share * static_cast<double>(c.to_ns - c.from_ns) / 3.6e12;
    sum.work += work_done ? share * (work_done(c.to_ns) - work_done(c.from_ns)) : part;
  }
  return sum;
}

struct OldAge {
  double deaths = 0;
  double exposure = 0;  // blocks times runs
};

// The time that blocks alive were at least `age` of the run old, after `since` of it.
double exposure(const SiteCohorts& site, double run, double age, double since) {
  double sum = 0;
  for (const Cohort& c : site.cohorts) {
    const double born =
        (static_cast<double>(c.from_active_ns) + static_cast<double>(c.to_active_ns)) / 2 / run;
    sum += std::max(0.0, 1 - std::max(born + age, since)) * static_cast<double>(c.recorded);
  }
  return sum;
}

// Deaths at ages of at least `age` of the run, and the time blocks were that old meanwhile.
OldAge old_age(const SiteCohorts& site, double run, double age) {
  OldAge sum;
  sum.exposure = exposure(site, run, age, static_cast<double>(site.since_active_ns) / run);
  for (size_t k = 0; k < site.deaths.size(); ++k) {
    const double oldest = std::ldexp(1.0, -static_cast<int>(k));
    if (oldest / 2 < age) continue;
    const auto deaths = static_cast<double>(site.deaths[k]);
    sum.deaths += deaths;
    sum.exposure += deaths * (0.75 * oldest - age);
  }
  return sum;
}

// With sampling, freed blocks that were recorded.
double recorded_of(const SiteCohorts& site, uint64_t freed) {
  double live = 0;
  double recorded = 0;
  for (const Cohort& c : site.cohorts) {
    live += static_cast<double>(c.live);
    recorded += static_cast<double>(c.recorded);
  }
  return live > 0 ? static_cast<double>(freed) * recorded / live : static_cast<double>(freed);
}

// P(X <= deaths) for X Poisson with mean `mean`.
double poisson_at_most(double deaths, double mean) {
  if (mean <= 0) return 1;
  if (mean > 400 || deaths > 400) {  // Wilson and Hilferty 1931
    const double n = deaths + 1;
    const double z = (std::cbrt(mean / n) - 1 + 1 / (9 * n)) * 3 * std::sqrt(n);
    return 0.5 * std::erfc(z / std::sqrt(2.0));
  }
  double term = std::exp(-mean);
  double sum = term;
  for (double k = 1; k <= deaths; ++k) sum += term *= mean / k;
  return std::min(1.0, sum);
}

// How much more the survivors of equal stretches scatter than independent events do; at least 1.
// Bursts and batches come together, so a count says less than its size.
double overdispersion(const SiteCohorts& site, double run) {
  constexpr int kStretches = 10;
  std::vector<double> counts;
  double mean = 0;
  for (int i = 0; i < kStretches; ++i) {
    const double width = (kMiddleEnd - kMiddleBegin) / kStretches;
    const double from = kMiddleBegin + i * width;
    counts.push_back(stretch(site, run, from, from + width).recorded);
    mean += counts.back() / kStretches;
  }
  if (mean <= 0) return 1;
  double chi = 0;
  for (const double count : counts) chi += (count - mean) * (count - mean) / mean;
  return std::max(1.0, chi / (kStretches - 1));
}

std::string words(const char* format, double a, double b = 0) {
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), format, a, b);
  return text.data();
}

// From the oldest age down to the one at which blocks are seen to die: what dies at 0.4 of the run
// lives undisturbed before, and would look like a leak by its younger days.
void judge_age(SiteRuling& ruling, const SiteCohorts& site, double run, double freed) {
  ruling.hazard = HUGE_VAL;
  double all = freed;
  for (const Cohort& c : site.cohorts) all += static_cast<double>(c.recorded);
  const auto consider = [&](double age, const OldAge& old) {
    if (old.exposure <= 0) return;
    const double hazard = (old.deaths + 3) / old.exposure;
    if (hazard < ruling.hazard) {
      ruling.hazard = hazard;
      ruling.hazard_age = age;
    }
    ruling.p_value =
        std::min(ruling.p_value, 4 * poisson_at_most(old.deaths, 2 * kMostHazard * old.exposure));
  };
  for (double age = 0.5; age >= kLeastAge; age /= 2) {
    const OldAge old = old_age(site, run, age);
    const double tolerated = kMostHazard * old.exposure;
    if (old.deaths > 0 && 1 - poisson_at_most(old.deaths - 1, tolerated) < kTheyDie) {
      ruling.they_die = true;
      return;
    }
    consider(age, old);
    // All that was ever freed may have been as old as this; before deaths were counted, too.
    if (freed <= kNextToNone * all) consider(age, {freed, exposure(site, run, age, 0)});
  }
}

// The largest share of the survivors born in one eighth of the run, beginning anywhere.
double most_at_once(const SiteCohorts& site, double run) {
  constexpr double kPart = 0.125;
  double most = 0;
  for (double from = kMiddleBegin; from + kPart <= 1; from += kPart / 4) {
    most = std::max(most, stretch(site, run, from, from + kPart).recorded);
  }
  return most / stretch(site, run, kMiddleBegin, 1).recorded;
}

Rate rate_of(const SiteCohorts& site, double run) {
  const Stretch middle = stretch(site, run, kMiddleBegin, kMiddleEnd);
  Rate rate;
  if (middle.hours <= 0 || middle.recorded <= 0) return rate;
  rate.value = middle.bytes / middle.hours;
  const double error = 1.96 * std::sqrt(overdispersion(site, run) / middle.recorded);
  rate.low = std::max(0.0, rate.value * (1 - error));
  rate.high = rate.value * (1 + error);
  return rate;
}

// Survivors a run in the three stretches: if they were born as fast all the time as then.
struct Pace {
  double older;
  double younger;
  double last;
  double last_share;  // of the run
  double before_share;

  bool has_ended() const { return younger < kLeastShare * older || last < kLeastShare * younger; }
  // Unless two neighbours differ by more, and by more than chance.
  bool is_even(double spread) const {
    const auto differ = [spread](double less, double less_share, double more, double more_share) {
      const double gap = kLeastShare * more - less;
      const double error =
          std::sqrt(spread * (less / less_share + kLeastShare * kLeastShare * more / more_share));
      return gap > 0 && gap > kSlowingErrors * error;
    };
    const double half = before_share / 2;
    return !differ(younger, half, older, half) && !differ(older, half, younger, half) &&
           !differ(last, last_share, younger, half) && !differ(younger, half, last, last_share);
  }
  bool slows_down(double spread) const {
    const double before = (older + younger) / 2;
    const double error = std::sqrt(spread * (last / last_share + before / before_share));
    return last < kSlowing * before && before - last > kSlowingErrors * error;
  }
};

Pace pace_by_time(const SiteRuling& ruling) {
  constexpr double kHalf = kMiddleHalf - kMiddleBegin;
  return {ruling.older / kHalf, ruling.younger / kHalf, ruling.last / (1 - kMiddleEnd),
          1 - kMiddleEnd, 2 * kHalf};
}

Pace pace_by_work(const SiteRuling& ruling, const SiteCohorts& site, double run,
                  const WorkDone& work_done) {
  const double older = stretch(site, run, kMiddleBegin, kMiddleHalf, work_done).work;
  const double younger = stretch(site, run, kMiddleHalf, kMiddleEnd, work_done).work;
  const double last = stretch(site, run, kMiddleEnd, 1, work_done).work;
  if (!(older > 0 && younger > 0 && last > 0)) return pace_by_time(ruling);
  return {ruling.older / older, ruling.younger / younger, ruling.last / last, last,
          older + younger};
}

}  // namespace

SiteRuling site_ruling(const SiteCohorts& site, uint64_t active_ns, uint64_t freed,
                       const WorkDone& work_done) {
  SiteRuling ruling;
  const auto run = static_cast<double>(active_ns);
  if (site.cohorts.empty() || run <= 0) return ruling;
  ruling.older = stretch(site, run, kMiddleBegin, kMiddleHalf).recorded;
  ruling.younger = stretch(site, run, kMiddleHalf, kMiddleEnd).recorded;
  ruling.last = stretch(site, run, kMiddleEnd, 1).recorded;
  ruling.rate = rate_of(site, run);
  judge_age(ruling, site, run, recorded_of(site, freed));
  const Pace by_time = pace_by_time(ruling);
  const Pace by_work = pace_by_work(ruling, site, run, work_done);
  const double spread = overdispersion(site, run);
  ruling.with_work = by_work.is_even(spread);
  if (by_time.has_ended() && by_work.has_ended()) {
    ruling.verdict = VerdictClass::kBounded;
    ruling.reason = "blocks that stay were born early in the run";
    ruling.p_value = 1;
    return ruling;
  }
  if (ruling.older + ruling.younger < kLeastMiddle || ruling.younger < kLeastYounger) {
    ruling.reason =
        words("only %.0f blocks of middle age are alive", ruling.older + ruling.younger);
    ruling.p_value = 1;
    return ruling;
  }
  if (most_at_once(site, run) > kMostAtOnce) {
    ruling.reason = "nearly all that stays was born at once";
    ruling.p_value = 1;
    return ruling;
  }
  if (ruling.hazard > kMostHazard) {
    ruling.verdict = ruling.they_die ? VerdictClass::kStable : VerdictClass::kInsufficient;
    ruling.reason = ruling.they_die ? "old blocks are freed, too"
                                    : "too few old blocks were watched to say whether they stay";
    ruling.p_value = 1;
    return ruling;
  }
  if (by_time.slows_down(spread) && by_work.slows_down(spread)) {
    ruling.verdict = VerdictClass::kGrowing;
    ruling.reason = "blocks stay, but ever fewer of them";
    return ruling;
  }
  ruling.verdict = VerdictClass::kLeak;
  ruling.reason = "blocks of every age stay";
  return ruling;
}

namespace {

std::string count_text(double n) {
  if (n < 1e5) return words("%.0f", n);
  return n < 1e8 ? words("%.0fk", n / 1e3) : words("%.0fM", n / 1e6);
}

// Three digits: "0.49", "13.3", "505", "1010".
std::string number(double value) { return words(value < 100 ? "%.3g" : "%.0f", value); }

struct Unit {
  const char* name;
  const char* plural;
  double ns;
};

Unit unit_of(double run_ns) {
  for (const Unit unit : {Unit{"day", "days", 8.64e13},
                          {"hour", "hours", 3.6e12},
                          {"minute", "minutes", 6e10},
                          {"second", "seconds", 1e9}}) {
    if (run_ns >= 4 * unit.ns) return unit;
  }
  return {"ms", "ms", 1e6};
}

}  // namespace

std::string cohort_strip(const SiteCohorts& site, const SiteRuling& ruling) {
  if (site.cohorts.empty()) return {};
  const auto run = static_cast<double>(site.cohorts.back().to_active_ns);
  const Unit unit = unit_of(static_cast<double>(site.cohorts.back().to_ns));
  std::string text;
  for (const double part : {0.25, 0.5, 0.75, 1.0}) {
    const double from = part - 0.25;
    double allocated = 0;
    double live = 0;
    double begin = HUGE_VAL;
    double end = 0;
    for (const Cohort& c : site.cohorts) {
      const double born =
          (static_cast<double>(c.from_active_ns) + static_cast<double>(c.to_active_ns)) / 2 / run;
      if (born < from || born >= part) continue;
      // What was born before the site was watched is not known by its time.
      if (c.to_active_ns > site.since_active_ns) allocated += static_cast<double>(c.allocated);
      live += static_cast<double>(c.live);
      begin = std::min(begin, static_cast<double>(c.from_ns));
      end = std::max(end, static_cast<double>(c.to_ns));
    }
    if (end <= 0) continue;
    if (!text.empty()) text += "; ";
    // Shares of the births between two censuses: they may be off by a few.
    text += allocated >= 0.9 * live && allocated > 0
                ? "of " + count_text(std::max(allocated, live)) + " allocated in " + unit.name
                : std::string("of those of ") + unit.name;
    text += ' ';
    text += number(begin / unit.ns) + "-" + number(end / unit.ns) + ", " + count_text(live);
    text += " live";
  }
  const OldAge old = old_age(site, run, ruling.hazard_age);
  if (ruling.hazard_age > 0) {
    const double age = ruling.hazard_age * static_cast<double>(site.cohorts.back().to_ns);
    text += old.deaths == 0 ? "; no free older than "
                            : "; " + count_text(old.deaths) + " freed older than ";
    text += number(age / unit.ns);
    text += ' ';
    text += unit.plural;
  }
  return text;
}

}  // namespace mla
