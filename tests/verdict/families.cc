#include "families.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>

namespace mla {
namespace {

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same numbers with every standard library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double log_uniform(double low, double high) { return low * std::pow(high / low, uniform()); }
  size_t whole(size_t low, size_t high) { return low + bits() % (high - low + 1); }
  bool chance(double p) { return uniform() < p; }
  double normal() {
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(2 * std::numbers::pi * uniform());
  }
  double exponential() { return -std::log(1 - uniform()); }

 private:
  uint64_t state_;
};

// One series in the making. Values are in units of the noise until done() gives them bytes.
struct Draft {
  explicit Draft(uint64_t seed) : random(Random(seed).bits()) {}

  Random random;
  size_t n = 0;
  double times = 0;       // of the detectable growth
  std::vector<double> t;  // seconds
  std::vector<double> y;
  std::vector<double> rss_extra;  // added to live for RSS; empty: no RSS
  double growth = 0;              // true growth over the window, in units of the noise

  double x(size_t i) const { return (t[i] - t.front()) / (t.back() - t.front()); }
};

// The design's formula: 3.608 = z.99 + z.9.
double detectable(double n_eff) { return 3.608 * std::sqrt(12 / n_eff); }
double effective(size_t n, double phi) { return static_cast<double>(n) * (1 - phi) / (1 + phi); }

void add_ar(Draft& d, double phi) {
  double value = d.random.normal();
  for (double& y : d.y) {
    y += value;
    value = phi * value + std::sqrt(1 - phi * phi) * d.random.normal();
  }
}

// A line from `from` on, which can be told from the rest from `seen_from` on.
void add_line(Draft& d, double n_eff, double from, double seen_from) {
  const double length = 1 - seen_from;
  d.growth = d.times * detectable(n_eff * length) / length;  // as if it had lasted the window
  for (size_t i = 0; i < d.n; ++i) d.y[i] += d.growth * std::max(0.0, d.x(i) - from);
}

template <class F>
void add_curve(Draft& d, double height, F f) {
  for (size_t i = 0; i < d.n; ++i) d.y[i] += height * f(d.x(i));
}

// Teeth of about `count`, of uneven length and height; 1 high, so the noise is about .3.
void add_teeth(Draft& d, double count, double height) {
  double begin = 0;
  double end = d.random.uniform(0.2, 1) / count;
  double top = height;
  for (size_t i = 0; i < d.n; ++i) {
    while (d.x(i) >= end) {
      begin = end;
      end += d.random.uniform(0.7, 1.3) / count;
      top = height * d.random.uniform(0.85, 1.15);
    }
    d.y[i] += top * (d.x(i) - begin) / (end - begin);
  }
}

void add_cycle(Draft& d, double periods, double height) {
  const double phase = d.random.uniform(0, 2 * std::numbers::pi);
  const double second = d.random.uniform(0, 0.5);
  for (size_t i = 0; i < d.n; ++i) {
    const double angle = 2 * std::numbers::pi * periods * d.x(i) + phase;
    d.y[i] += height * (std::sin(angle) + second * std::sin(2 * angle));
  }
}

void add_spikes(Draft& d) {
  const double often = d.random.log_uniform(0.003, 0.03);
  for (size_t i = 0; i < d.n; ++i) {
    if (!d.random.chance(often)) continue;
    const double height = d.random.uniform(8, 60);
    const size_t last = std::min(d.n - 1, i + d.random.whole(0, 1));
    for (; i <= last; ++i) d.y[i] += height;
  }
}

void add_steps(Draft& d, size_t count) {
  std::vector<double> at;
  while (at.size() < count) {
    const double where = d.random.uniform(0.06, 0.94);
    const bool apart = std::all_of(at.begin(), at.end(),
                                   [&](double other) { return std::abs(other - where) > 0.08; });
    if (apart) at.push_back(where);
  }
  for (const double where : at) {
    const double height = d.random.log_uniform(5, 60) * (d.random.chance(0.65) ? 1 : -1);
    add_curve(d, height, [where](double x) { return x >= where ? 1.0 : 0.0; });
  }
}

// Growth in `count` bursts of exponential size, which come at random.
void add_bursts(Draft& d, size_t count, double total) {
  std::vector<double> at;
  std::vector<double> size;
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    at.push_back(d.random.uniform());
    size.push_back(d.random.exponential());
    sum += size.back();
  }
  for (size_t i = 0; i < d.n; ++i) {
    for (size_t b = 0; b < count; ++b) {
      if (d.x(i) >= at[b]) d.y[i] += total * size[b] / sum;
    }
  }
  d.growth = total;
}

void drop_points(Draft& d) {
  const double gap_begin = d.random.uniform(0.1, 0.8);
  const double gap_end = gap_begin + d.random.uniform(0, 0.15);
  const double rate = d.random.uniform(0, 0.4);
  std::vector<double> t;
  std::vector<double> y;
  for (size_t i = 0; i < d.n; ++i) {
    const bool inside = i > 0 && i + 1 < d.n;
    if (inside && (d.random.chance(rate) || (d.x(i) > gap_begin && d.x(i) < gap_end))) continue;
    t.push_back(d.t[i]);
    y.push_back(d.y[i]);
  }
  d.t = std::move(t);
  d.y = std::move(y);
  d.n = d.t.size();
}

void quantise(Draft& d) {
  const double quantum = d.random.uniform(0.5, 2);
  for (double& y : d.y) y = quantum * std::floor(y / quantum);
}

double low_phi(Draft& d) { return d.random.chance(0.5) ? 0 : d.random.uniform(0.2, 0.7); }

struct Recipe {
  Family family;
  std::function<void(Draft&)> make;
};

// Where noise is AR, so long that some 15 effective samples are there.
void lengthen(Draft& d, double phi);

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> all{
      {{"white noise", false, {"stable"}}, [](Draft& d) { add_ar(d, 0); }},
      {{"correlated noise", false, {"stable"}},
       [](Draft& d) {
         const double phi = d.random.uniform(0.5, 0.97);
         lengthen(d, phi);
         add_ar(d, phi);
       }},
      {{"sawtooth", false, {"stable"}},
       [](Draft& d) {
         add_teeth(d, d.random.log_uniform(8, 60), d.random.log_uniform(4, 60));
         add_ar(d, 0);
       }},
      {{"warm-up", false, {"bounded"}},
       [](Draft& d) {
         const double tau = d.random.log_uniform(0.02, 0.45);
         add_ar(d, low_phi(d));
         add_curve(d, d.random.log_uniform(8, 200),
                   [tau](double x) { return 1 - std::exp(-x / tau); });
       }},
      {{"cache fill", false, {"bounded"}},
       [](Draft& d) {
         const double knee = d.random.uniform(0.08, 0.85);
         add_ar(d, low_phi(d));
         add_curve(d, d.random.log_uniform(8, 200),
                   [knee](double x) { return std::min(x / knee, 1.0); });
       }},
      {{"one step", false, {"step"}},
       [](Draft& d) {
         add_ar(d, low_phi(d));
         add_steps(d, 1);
       }},
      {{"several steps", false, {"step"}},
       [](Draft& d) {
         add_ar(d, low_phi(d));
         add_steps(d, d.random.whole(2, 4));
       }},
      {{"daily cycle", false, {"stable"}},
       [](Draft& d) {
         add_ar(d, low_phi(d));
         add_cycle(d, d.random.chance(0.3) ? d.random.uniform(1, 2.8) : d.random.uniform(2.8, 12),
                   d.random.log_uniform(2, 30));
       }},
      {{"logarithm", false, {"bounded"}},
       [](Draft& d) {
         const double c = d.random.log_uniform(0.005, 0.15);
         add_ar(d, low_phi(d));
         add_curve(d, d.random.log_uniform(10, 100),
                   [c](double x) { return std::log1p(x / c) / std::log1p(1 / c); });
       }},
      {{"retention", false, {"retention"}},
       [](Draft& d) {
         add_ar(d, low_phi(d));
         d.rss_extra.resize(d.n);
         const double height = d.random.log_uniform(20, 200);
         const bool burst = d.random.chance(0.4);
         const double begin = d.random.uniform(0.2, 0.5);
         const double end = begin + d.random.uniform(0.05, 0.2);
         for (size_t i = 0; i < d.n; ++i) {
           const double x = d.x(i);
           const double high = x > begin && x < end ? height : 0;
           if (burst) d.y[i] += high;
           const double kept = burst ? (x > begin ? height - high : 0) : height * x;
           d.rss_extra[i] = 10 + kept + 0.5 * d.random.normal();
         }
       }},
      {{"quantised", false, {"stable"}},
       [](Draft& d) {
         add_ar(d, 0);
         quantise(d);
       }},
      {{"spikes", false, {"stable"}},
       [](Draft& d) {
         add_ar(d, low_phi(d));
         add_spikes(d);
       }},
      {{"points missing", false, {"stable"}},
       [](Draft& d) {
         add_ar(d, low_phi(d));
         drop_points(d);
       }},
      {{"load up and down", false, {"stable", "step"}},
       [](Draft& d) {
         double level = 0;
         const double change = d.random.uniform(5, 40) / static_cast<double>(d.n);
         const double height = d.random.uniform(2, 15);
         for (double& y : d.y) {
           if (d.random.chance(change)) level = height * d.random.uniform();
           y += level;
         }
         add_ar(d, 0);
       }},
      {{"decline", false, {"stable", "step", "bounded"}},
       [](Draft& d) {
         add_ar(d, low_phi(d));
         add_curve(d, -d.random.log_uniform(3, 60), [](double x) { return x; });
       }},
      {{"short", false, {"stable"}},
       [](Draft& d) {
         d.n = d.random.whole(6, 40);
         d.t.resize(d.n);
         d.y.assign(d.n, 0);
         add_ar(d, d.random.uniform(0, 0.6));
         if (d.random.chance(0.3)) {
           add_curve(d, 10, [](double x) { return 1 - std::exp(-x / 0.2); });
         }
       }},
      {{"leak, slow", true, {"leak"}},
       [](Draft& d) {
         add_ar(d, 0);
         add_line(d, static_cast<double>(d.n), 0, 0);
       }},
      {{"leak, correlated noise", true, {"leak"}},
       [](Draft& d) {
         const double phi = d.random.uniform(0.4, 0.95);
         lengthen(d, phi);
         add_ar(d, phi);
         add_line(d, effective(d.n, phi), 0, 0);
       }},
      {{"leak, in bursts", true, {"leak"}},
       [](Draft& d) {
         add_ar(d, 0);
         add_bursts(d, d.random.whole(15, 60), d.times * detectable(static_cast<double>(d.n)));
       }},
      {{"leak, with onset", true, {"leak"}},
       [](Draft& d) {
         const double phi = low_phi(d);
         add_ar(d, phi);
         const double onset = d.random.uniform(0.1, 0.7);
         add_line(d, effective(d.n, phi), onset, onset);
       }},
      {{"leak, under a cycle", true, {"leak"}},
       [](Draft& d) {
         const double phi = low_phi(d);
         add_ar(d, phi);
         add_line(d, effective(d.n, phi), 0, 0);
         add_cycle(d, d.random.uniform(3, 12), d.random.log_uniform(2, 30));
       }},
      {{"leak, under a sawtooth", true, {"leak"}},
       [](Draft& d) {
         const double count = d.random.log_uniform(12, 60);
         const double height = d.random.log_uniform(4, 60);
         add_ar(d, 0);
         add_teeth(d, count, height);
         const double noise = std::sqrt(1 + height * height / 12);
         d.times *= noise;  // a tooth is one independent sample
         add_line(d, std::min(static_cast<double>(d.n), count), 0, 0);
         d.times /= noise;
       }},
      {{"leak, after warm-up", true, {"leak"}},
       [](Draft& d) {
         const double tau = d.random.log_uniform(0.01, 0.1);
         const double phi = low_phi(d);
         add_ar(d, phi);
         add_curve(d, d.random.log_uniform(5, 60),
                   [tau](double x) { return 1 - std::exp(-x / tau); });
         add_line(d, effective(d.n, phi), 0, 3 * tau);
       }},
      {{"leak, after a step", true, {"leak"}},
       [](Draft& d) {
         const double phi = low_phi(d);
         const double at = d.random.uniform(0.05, 0.3);
         add_ar(d, phi);
         add_curve(d, d.random.log_uniform(5, 40), [at](double x) { return x >= at ? 1.0 : 0.0; });
         add_line(d, effective(d.n, phi), 0, at);
       }},
      {{"leak, of random blocks", true, {"leak"}},
       [](Draft& d) {
         // A walk whose increments have a mean: times / 1.8 effective standard errors of it.
         add_ar(d, 0);
         const double drift = d.times * 3.608 / std::sqrt(static_cast<double>(d.n));
         double level = 0;
         for (double& y : d.y) {
           level += drift + d.random.normal();
           y += level;
         }
         d.growth = drift * static_cast<double>(d.n);
       }},
      {{"leak, quantised", true, {"leak"}},
       [](Draft& d) {
         add_ar(d, 0);
         add_line(d, static_cast<double>(d.n) / 1.3, 0, 0);
         quantise(d);
       }},
      {{"leak, with spikes", true, {"leak"}},
       [](Draft& d) {
         const double phi = low_phi(d);
         add_ar(d, phi);
         add_line(d, effective(d.n, phi), 0, 0);
         add_spikes(d);
       }},
      {{"leak, points missing", true, {"leak"}},
       [](Draft& d) {
         const double phi = low_phi(d);
         add_ar(d, phi);
         add_line(d, effective(d.n, phi) * 0.6, 0, 0);
         drop_points(d);
       }},
  };
  return all;
}

void lengthen(Draft& d, double phi) {
  const auto least = static_cast<size_t>(18 * (1 + phi) / (1 - phi));
  if (d.n >= least) return;
  const double step = d.t[1] - d.t[0];
  d.n = least;
  d.y.assign(d.n, 0);
  d.t.resize(d.n);
  for (size_t i = 0; i < d.n; ++i) d.t[i] = step * static_cast<double>(i);
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> all = [] {
    std::vector<Family> list;
    for (const Recipe& recipe : recipes()) list.push_back(recipe.family);
    return list;
  }();
  return all;
}

LabelledSeries make_series(size_t family, uint64_t seed, uint64_t number, double times_detectable) {
  Draft d(Random(Random(seed).bits() + family).bits() + number);
  d.n = static_cast<size_t>(d.random.log_uniform(100, 2000));
  d.times = times_detectable;
  const std::array<double, 5> steps{1, 10, 30, 60, 300};
  const double step = steps[d.random.whole(0, steps.size() - 1)];
  d.y.assign(d.n, 0);
  for (size_t i = 0; i < d.n; ++i) d.t.push_back(step * static_cast<double>(i));
  recipes()[family].make(d);

  LabelledSeries series;
  series.leaks = recipes()[family].family.leaks;
  const double level = d.random.log_uniform(20e6, 4e9);
  const double unit = level * d.random.log_uniform(1e-4, 2e-2);  // of the noise
  const double hours = (d.t.back() - d.t.front()) / 3600;
  for (size_t i = 0; i < d.n; ++i) {
    series.bytes.push_back(std::floor(level + unit * d.y[i]));
    if (!d.rss_extra.empty()) {
      series.rss.push_back(std::floor(level + unit * (d.y[i] + d.rss_extra[i])));
    }
  }
  series.t_s = std::move(d.t);
  series.rate_Bph = unit * d.growth / hours;
  series.times_detectable = series.leaks ? times_detectable : 0;
  return series;
}

}  // namespace mla
