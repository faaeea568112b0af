#include "site_families.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <random>

#include "capture/cohort_table.h"
#include "reader/decode_cohorts.h"

namespace mla {
namespace {

constexpr double kForever = 1e9;

struct Life {
  double birth;  // in runs
  double death;
  double bytes;
};

using Random = std::mt19937_64;

double uniform(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}
double log_uniform(Random& random, double low, double high) {
  return std::exp(uniform(random, std::log(low), std::log(high)));
}
double exponential(Random& random, double mean) {
  return std::exponential_distribution<double>(1 / mean)(random);
}

// Poisson arrivals in [from, to), `count` of them on average.
std::vector<double> arrivals(Random& random, double count, double from, double to) {
  std::vector<double> at;
  const double gap = (to - from) / std::max(count, 1e-9);
  for (double t = from + exponential(random, gap); t < to; t += exponential(random, gap)) {
    at.push_back(t);
  }
  return at;
}

class Lives {
 public:
  Lives(Random& random, double bytes) : random_(random), bytes_(bytes) {}
  void add(double birth, double lifetime) {
    const double bytes = bytes_ * (vary_ ? uniform(random_, 0.5, 1.5) : 1);
    lives.push_back({birth, birth + lifetime, std::max(1.0, std::floor(bytes))});
  }
  void vary_sizes() { vary_ = true; }
  std::vector<Life> lives;

 private:
  Random& random_;
  double bytes_;
  bool vary_ = false;
};

using Make = void (*)(Random&, Lives&);

struct Maker {
  SiteFamily family;
  double weight;  // healthy sites: how frequent; leaks: among leaks
  Make make;
};

double usual_count(Random& r) { return log_uniform(r, 100, 4000); }

const std::vector<Maker>& makers() {
  static const std::vector<Maker> all = {
      {{"init", SiteTruth::kHealthy},
       6,
       [](Random& r, Lives& s) {
         for (double t : arrivals(r, log_uniform(r, 5, 2000), 0, log_uniform(r, 0.001, 0.1)))
           s.add(t, kForever);
       }},
      {{"late init", SiteTruth::kHealthy},
       2,
       [](Random& r, Lives& s) {
         const double from = uniform(r, 0.1, 0.8);
         for (double t : arrivals(r, log_uniform(r, 5, 500), from, from + log_uniform(r, .001, .1)))
           s.add(std::min(t, 0.999), kForever);
       }},
      {{"cache filled once", SiteTruth::kHealthy},
       4,
       [](Random& r, Lives& s) {
         const double tau = log_uniform(r, 0.02, 0.12);  // full by 5 of these
         for (double t : arrivals(r, usual_count(r), 0, 1))
           if (t < 8 * tau && uniform(r, 0, 1) < std::exp(-t / tau)) s.add(t, kForever);
       }},
      {{"LRU cache", SiteTruth::kHealthy},
       4,
       [](Random& r, Lives& s) {
         const double life = log_uniform(r, 0.003, 0.5);
         for (double t : arrivals(r, usual_count(r), 0, 1)) s.add(t, life * uniform(r, 0.9, 1.1));
       }},
      {{"cache, random replacement", SiteTruth::kHealthy},
       2,
       [](Random& r, Lives& s) {
         const double life = log_uniform(r, 0.003, 0.4);
         for (double t : arrivals(r, usual_count(r), 0, 1)) s.add(t, exponential(r, life));
       }},
      {{"sessions", SiteTruth::kHealthy},
       5,
       [](Random& r, Lives& s) {
         const double mean = log_uniform(r, 0.002, 0.25);
         std::lognormal_distribution<double> life(std::log(mean), uniform(r, 0.3, 1.0));
         for (double t : arrivals(r, usual_count(r), 0, 1)) s.add(t, life(r));
       }},
      {{"rebuilt now and then", SiteTruth::kHealthy},
       2,
       [](Random& r, Lives& s) {
         const double period = uniform(r, 0.03, 0.4);
         const double count = log_uniform(r, 10, 500);
         for (double t = uniform(r, 0, period); t < 1; t += period)
           for (double at : arrivals(r, count, t, t + period / 20)) s.add(at, t + period - at);
       }},
      {{"cycle of load", SiteTruth::kHealthy},
       2,
       [](Random& r, Lives& s) {
         const double periods = uniform(r, 2.5, 9);
         const double phase = uniform(r, 0, 6.28);
         const double mean = uniform(r, 0.01, 0.08);
         for (double t : arrivals(r, usual_count(r), 0, 1))
           if (uniform(r, -1, 1) < std::sin(periods * 6.28 * t + phase))
             s.add(t, exponential(r, mean));
       }},
      {{"garbage", SiteTruth::kHealthy},
       12,
       [](Random& r, Lives& s) {
         const double life = log_uniform(r, 1e-6, 1e-3);
         for (double t : arrivals(r, usual_count(r), 0, 1)) s.add(t, exponential(r, life));
       }},
      {{"rare large blocks", SiteTruth::kHealthy},
       2,
       [](Random& r, Lives& s) {
         s.vary_sizes();
         const double life = log_uniform(r, 0.05, 0.5);
         for (double t : arrivals(r, uniform(r, 2, 12), 0, 1)) s.add(t, exponential(r, life));
       }},
      {{"pool that ramps, slowing down", SiteTruth::kRamps},
       0.25,
       [](Random& r, Lives& s) {
         const double tau = uniform(r, 0.25, 0.6);
         for (double t : arrivals(r, log_uniform(r, 200, 4000), 0, 1))
           if (uniform(r, 0, 1) < std::exp(-t / tau)) s.add(t, kForever);
       }},
      {{"pool that ramps to the end", SiteTruth::kRamps},
       0.25,
       [](Random& r, Lives& s) {
         for (double t : arrivals(r, log_uniform(r, 30, 1000), 0, 1)) s.add(t, kForever);
       }},
      {{"leak, slow", SiteTruth::kLeaks},
       3,
       [](Random& r, Lives& s) {
         for (double t : arrivals(r, log_uniform(r, 24, 100), 0, 1)) s.add(t, kForever);
       }},
      {{"leak, fast", SiteTruth::kLeaks},
       3,
       [](Random& r, Lives& s) {
         s.vary_sizes();
         for (double t : arrivals(r, log_uniform(r, 200, 8000), 0, 1)) s.add(t, kForever);
       }},
      {{"leak of a few among many", SiteTruth::kLeaks},
       3,
       [](Random& r, Lives& s) {
         const double share = log_uniform(r, 0.02, 0.3);
         const double life = log_uniform(r, 1e-4, 0.05);
         for (double t : arrivals(r, log_uniform(r, 60, 500) / share, 0, 1))
           s.add(t, uniform(r, 0, 1) < share ? kForever : exponential(r, life));
       }},
      {{"leak, with onset", SiteTruth::kLeaks},
       2,
       [](Random& r, Lives& s) {
         for (double t : arrivals(r, log_uniform(r, 60, 2000), uniform(r, 0.1, 0.4), 1))
           s.add(t, kForever);
       }},
      {{"leak, in bursts", SiteTruth::kLeaks},
       2,
       [](Random& r, Lives& s) {
         const double size = log_uniform(r, 3, 30);
         for (double t : arrivals(r, uniform(r, 25, 80), 0, 0.999))
           for (double at : arrivals(r, size, t, t + 0.001)) s.add(at, kForever);
       }},
      {{"leak, under a cycle of load", SiteTruth::kLeaks}, 1, [](Random& r, Lives& s) {
         const double periods = uniform(r, 2.5, 9);
         const double phase = uniform(r, 0, 6.28);
         for (double t : arrivals(r, log_uniform(r, 150, 2000), 0, 1))
           if (uniform(r, -1, 1) < std::sin(periods * 6.28 * t + phase)) s.add(t, kForever);
       }}};
  return all;
}

size_t choose(Random& random, bool leaks) {
  double all = 0;
  const auto counts = [leaks](const Maker& m) {
    return (m.family.truth == SiteTruth::kLeaks) == leaks ? m.weight : 0;
  };
  for (const Maker& m : makers()) all += counts(m);
  double at = uniform(random, 0, all);
  for (size_t i = 0; i < makers().size(); ++i) {
    at -= counts(makers()[i]);
    if (at < 0) return i;
  }
  return makers().size() - 1;
}

// Sampled as libmla.so samples: a block of S bytes with 1 - exp(-S / interval).
struct Recorded {
  Life life;
  uint32_t site;
  uint64_t blocks;
  uint64_t bytes;
};

std::vector<Recorded> record(Random& random, const std::vector<Lives>& sites, uint64_t sampling) {
  std::vector<Recorded> all;
  for (uint32_t i = 0; i < sites.size(); ++i) {
    for (const Life& life : sites[i].lives) {
      Recorded one{life, i + format::kFirstSite, 1, static_cast<uint64_t>(life.bytes)};
      if (sampling != 0) {
        const double p = 1 - std::exp(-life.bytes / static_cast<double>(sampling));
        if (uniform(random, 0, 1) >= p) continue;
        one.blocks = static_cast<uint64_t>(std::floor(1 / p + uniform(random, 0, 1)));
        one.bytes = static_cast<uint64_t>(life.bytes / p);
      }
      all.push_back(one);
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Recorded& a, const Recorded& b) { return a.life.birth < b.life.birth; });
  return all;
}

// Censuses whenever a new label begins, the last at the end.
Census take_censuses(std::vector<Recorded> blocks, uint32_t site_limit, double run_ns) {
  static CohortTable table;  // keeps its memory
  table.reset();
  std::vector<uint64_t> allocated(site_limit, 0);
  std::vector<Recorded> live;
  size_t next = 0;
  const auto take = [&](uint64_t now_ns) {
    const double now = static_cast<double>(now_ns) / run_ns;
    for (; next < blocks.size() && blocks[next].life.birth <= now; ++next) {
      live.push_back(blocks[next]);
      allocated[blocks[next].site] += blocks[next].blocks;
    }
    std::erase_if(live, [now](const Recorded& b) { return b.life.death <= now; });
    table.begin(now_ns, site_limit);
    for (uint32_t site = 0; site < site_limit; ++site) table.add_allocated(site, allocated[site]);
    for (const Recorded& b : live) {
      const auto born = static_cast<uint64_t>(b.life.birth * run_ns);
      table.add_survivor(b.site, format::birth_label(born), b.blocks, b.bytes);
    }
    table.end();
  };
  const auto end_ns = static_cast<uint64_t>(run_ns);
  for (uint32_t label = 12; format::birth_label_start(label) < end_ns; ++label) {
    take(format::birth_label_start(label));
  }
  take(end_ns);
  format::CohortCensus header{};
  header.t_ns = end_ns;
  header.active_ns = end_ns;
  header.censuses = 1;
  header.first_label = table.first_label();
  for (uint32_t i = 0; i < format::kCohortLabels; ++i) {
    header.born_ns[i] = format::birth_label_start(table.first_label() + i);
  }
  Census census = census_of(header);
  table.write([&](const format::CohortRecord& record) {
    SiteCohorts site = cohorts_of(header, record);
    site.site_index = record.site - format::kFirstSite;
    census.sites.push_back(std::move(site));
  });
  return census;
}

}  // namespace

const std::vector<SiteFamily>& site_families() {
  static const std::vector<SiteFamily> families = [] {
    std::vector<SiteFamily> all;
    for (const Maker& m : makers()) all.push_back(m.family);
    return all;
  }();
  return families;
}

SimulatedProcess simulate_process(uint64_t seed, uint64_t number, uint64_t sampling) {
  Random random(seed * 1'000'003 + number);
  SimulatedProcess process;
  const double run_ns = log_uniform(random, 20, 100'000) * 1e9;
  std::vector<Lives> sites;
  const auto healthy = static_cast<int>(uniform(random, 20, 61));
  const int leaks = std::max(0, static_cast<int>(uniform(random, -0.8, 3.4)));
  for (int i = 0; i < healthy + leaks; ++i) {
    const size_t family = choose(random, i >= healthy);
    Lives site(random, std::floor(log_uniform(random, 16, 4096)));
    makers()[family].make(random, site);
    double leaked = 0;
    for (const Life& life : site.lives) leaked += life.death >= kForever ? life.bytes : 0;
    process.sites.push_back({family, 0, leaked / (run_ns / 3.6e12)});
    sites.push_back(std::move(site));
  }
  const auto limit = static_cast<uint32_t>(sites.size()) + format::kFirstSite;
  const std::vector<Recorded> recorded = record(random, sites, sampling);
  for (const Recorded& block : recorded) {
    if (block.life.death <= 1) {
      process.sites[block.site - format::kFirstSite].freed += block.blocks;
    }
  }
  process.census = take_censuses(recorded, limit, run_ns);
  return process;
}

}  // namespace mla
