// Sampling of allocations by bytes: a Poisson process with one sample point every `interval` bytes
// on average, so that what is recorded is an unbiased estimate of everything, at any size.
//
// An allocation of S bytes is recorded with probability p = 1 - exp(-S / interval), and then
// stands for S / p bytes in 1 / p blocks. (Horvitz-Thompson; unbiasing each allocation by itself,
// as opposed to a site's sum by its mean size, which was off by 19 % in jemalloc's older profiles.)
// The variance of one allocation's estimate is S^2 (1 - p) / p, and (S / p)^2 (1 - p) is an
// unbiased estimate of it for a recorded one; a site's standard error is the root of their sum.
#pragma once

#include <cstdint>

namespace mla {

// What one recorded allocation stands for.
struct SampleWeight {
  uint64_t bytes;     // S / p, rounded
  uint32_t blocks;    // 1 / p, rounded up or down at random so that the mean is right
  uint64_t variance;  // (S / p)^2 (1 - p), in format::kVarianceUnit
};

// A thread's source of random numbers (xorshift64*); without a seed, seeded at first use.
class SampleRandom {
 public:
  constexpr SampleRandom() = default;
  explicit SampleRandom(uint64_t seed) : state_(seed) {}
  uint64_t next();

 private:
  uint64_t state_ = 0;
};

// Bytes until the next sample point: exponential with mean `interval`.
int64_t draw_distance(SampleRandom& random, uint64_t interval);

// `bytes` > 0.
SampleWeight weigh(SampleRandom& random, uint64_t bytes, uint64_t interval);

// ln(x) for x > 0 and 1 - exp(-x) for x >= 0, to about 1e-10: libm is not loaded in every host.
double natural_log(double x);
double one_minus_exp_of_minus(double x);

}  // namespace mla
