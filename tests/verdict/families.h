// Memory series with known answers: what servers do when they do not leak, and when they do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mla {

struct LabelledSeries {
  std::vector<double> t_s;
  std::vector<double> bytes;  // live bytes
  std::vector<double> rss;    // empty, or resident bytes
  bool leaks = false;
  double rate_Bph = 0;          // the true one of a leak, bytes per hour
  double times_detectable = 0;  // the growth over what the design's formula says can be found
};

struct Family {
  std::string name;
  bool leaks = false;
  std::vector<std::string> right;  // verdicts that are right, besides `insufficient`
};

const std::vector<Family>& families();

// The series `number` of a family under a seed; the same arguments give the same series.
// `times_detectable` is the size of a leak, in detectable ones; of no other family.
LabelledSeries make_series(size_t family, uint64_t seed, uint64_t number, double times_detectable);

}  // namespace mla
