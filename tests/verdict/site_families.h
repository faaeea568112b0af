// Processes made up of call sites of which it is known whether they leak: lives of blocks on a
// simulated clock, which go through the very table of cohorts that libmla.so keeps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reader/snapshot.h"

namespace mla {

enum class SiteTruth {
  kHealthy,
  kLeaks,
  kRamps
};  // kRamps: a pool that is not yet full at the end

struct SiteFamily {
  std::string name;
  SiteTruth truth;
};
const std::vector<SiteFamily>& site_families();

struct SimulatedSite {
  size_t family = 0;
  uint64_t freed = 0;  // blocks, by the end; an estimate with sampling
  double leaked_bytes_per_hour = 0;
};

struct SimulatedProcess {
  Census census;                     // site_index: into `sites`
  std::vector<SimulatedSite> sites;  // some 40, of which none, one or a few leak
};

// The same for the same seed and number. `sampling`: mean bytes between two samples; 0: exact.
SimulatedProcess simulate_process(uint64_t seed, uint64_t number, uint64_t sampling = 0);

}  // namespace mla
