#include "capture/sampling.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "format/format.h"
#include "segment/sys.h"

namespace mla {

namespace {

// The host's floating-point environment: its sticky flags stay as they are, and exceptions it
// unmasked are not raised by what mla computes.
class FloatingPointScope {
 public:
#if defined(__x86_64__)
  FloatingPointScope() : saved_(_mm_getcsr()) {
    constexpr unsigned kAllMaskedRoundNearest = 0x1f80;
    _mm_setcsr(kAllMaskedRoundNearest);
  }
  ~FloatingPointScope() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FloatingPointScope() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(control_));
    __asm__ volatile("mrs %0, fpsr" : "=r"(status_));
    __asm__ volatile("msr fpcr, %0" : : "r"(0UL));
  }
  ~FloatingPointScope() {
    __asm__ volatile("msr fpsr, %0" : : "r"(status_));
    __asm__ volatile("msr fpcr, %0" : : "r"(control_));
  }

 private:
  unsigned long control_;
  unsigned long status_;
#endif
};

// To the nearest, for values from 0 to 2^53: libm has a function, but is not in every host.
uint64_t rounded(double value) {
  return static_cast<uint64_t>(value + 0.5);  // NOLINT(bugprone-incorrect-roundings)
}

constexpr double kLn2 = 0.69314718055994530942;

// In (0, 1].
double uniform(SampleRandom& random) {
  constexpr double kUnit = 1.0 / 9007199254740992.0;  // 2^-53
  return static_cast<double>((random.next() >> 11) + 1) * kUnit;
}

}  // namespace

uint64_t SampleRandom::next() {
  if (state_ == 0) {
    state_ =
        (reinterpret_cast<uintptr_t>(this) ^ sys::now_ns(CLOCK_MONOTONIC) * 0x9e3779b97f4a7c15ULL) |
        1;
  }
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 0x2545f4914f6cdd1dULL;
}

double natural_log(double x) {
  uint64_t bits = __builtin_bit_cast(uint64_t, x);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023;
  double m = __builtin_bit_cast(double, (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > 1.5) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1) / (m + 1);  // ln m = 2 artanh s, |s| <= 0.2
  const double q = s * s;
  const double series =
      1 + q * (1.0 / 3 + q * (1.0 / 5 + q * (1.0 / 7 + q * (1.0 / 9 + q * (1.0 / 11 + q / 13)))));
  return static_cast<double>(exponent) * kLn2 + 2 * s * series;
}

double one_minus_exp_of_minus(double x) {
  if (x > 40) return 1;  // 1 - 4e-18
  const auto n = static_cast<int>(rounded(x / kLn2));
  const double r = static_cast<double>(n) * kLn2 - x;  // exp(-x) = 2^-n exp(r), |r| <= 0.35
  double term = r;
  double less_one = r;  // exp(r) - 1
  for (int k = 2; k < 14; ++k) {
    term *= r / k;
    less_one += term;
  }
  const double scale = 1.0 / static_cast<double>(1ULL << n);
  return n == 0 ? -less_one : 1 - scale * (1 + less_one);
}

namespace {

// The compiler may move floating-point operations past the change of the environment, but not calls
// of functions it knows nothing about.
#if defined(__clang__)
#define MLA_OPAQUE __attribute__((noinline, optnone))
#else
#define MLA_OPAQUE __attribute__((noinline, noclone, noipa))
#endif

MLA_OPAQUE int64_t distance_of(SampleRandom& random, uint64_t interval) {
  return static_cast<int64_t>(-natural_log(uniform(random)) * static_cast<double>(interval));
}

MLA_OPAQUE SampleWeight weight_of(SampleRandom& random, uint64_t bytes, uint64_t interval) {
  const double size = static_cast<double>(bytes);
  const double p = one_minus_exp_of_minus(size / static_cast<double>(interval));
  const double blocks = 1 / p;
  const double stands_for = size / p;
  const auto whole = static_cast<uint32_t>(blocks);
  SampleWeight weight = {};
  weight.bytes = rounded(stands_for);
  weight.blocks = whole + (uniform(random) <= blocks - whole ? 1 : 0);
  weight.variance =
      rounded(stands_for * stands_for * (1 - p) / static_cast<double>(format::kVarianceUnit));
  return weight;
}

}  // namespace

int64_t draw_distance(SampleRandom& random, uint64_t interval) {
  const FloatingPointScope scope;
  return distance_of(random, interval);
}

SampleWeight weigh(SampleRandom& random, uint64_t bytes, uint64_t interval) {
  const FloatingPointScope scope;
  return weight_of(random, bytes, interval);
}

}  // namespace mla
