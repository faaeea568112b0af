// Factorises numbers with big integers whose every intermediate result is a small block of the
// heap, as programs that compute with immutable values do: many tiny blocks, a little work on each,
// shallow stacks.
//
//   bench_factorise COUNT
//
// COUNT numbers of about 144 bits, products of a prime of 30 bits and one of 114, split by
// Pollard's rho in Brent's form; primes are told by Miller and Rabin. Prints the factors.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utility>

namespace {

// A non-negative integer: a count of 16-bit digits and the digits, lowest first, in one block.
class Number {
 public:
  explicit Number(uint64_t value) : block_(allocate(4)) {
    for (uint32_t i = 0; i < 4; ++i) block_->digit[i] = static_cast<uint16_t>(value >> (16 * i));
    trim();
  }
  Number(const Number& other) : block_(allocate(other.block_->count)) {
    memcpy(block_->digit, other.block_->digit, block_->count * sizeof(uint16_t));
  }
  Number(Number&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Number& operator=(Number other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Number() { free(block_); }

  bool is_zero() const { return block_->count == 0; }
  bool is_odd() const { return block_->count != 0 && (block_->digit[0] & 1) != 0; }

  void print() const {
    for (uint32_t i = block_->count; i-- > 0;) printf("%04x", at(i));
  }
  static int compare(const Number& a, const Number& b) {
    if (a.block_->count != b.block_->count) return a.block_->count < b.block_->count ? -1 : 1;
    for (uint32_t i = a.block_->count; i-- > 0;) {
      if (a.block_->digit[i] != b.block_->digit[i]) {
        return a.block_->digit[i] < b.block_->digit[i] ? -1 : 1;
      }
    }
    return 0;
  }
  friend Number operator+(const Number& a, const Number& b) {
    const uint32_t count = (a.block_->count > b.block_->count ? a : b).block_->count + 1;
    Number sum(allocate(count));
    uint32_t carry = 0;
    for (uint32_t i = 0; i < count; ++i) {
      carry += a.at(i) + b.at(i);
      sum.block_->digit[i] = static_cast<uint16_t>(carry);
      carry >>= 16;
    }
    sum.trim();
    return sum;
  }
  // a >= b
  friend Number operator-(const Number& a, const Number& b) {
    Number difference(allocate(a.block_->count));
    int32_t borrow = 0;
    for (uint32_t i = 0; i < a.block_->count; ++i) {
      borrow += static_cast<int32_t>(a.at(i)) - static_cast<int32_t>(b.at(i));
      difference.block_->digit[i] = static_cast<uint16_t>(borrow);
      borrow >>= 16;
    }
    difference.trim();
    return difference;
  }
  friend Number operator*(const Number& a, const Number& b) {
    Number product(allocate(a.block_->count + b.block_->count));
    memset(product.block_->digit, 0, product.block_->count * sizeof(uint16_t));
    for (uint32_t i = 0; i < a.block_->count; ++i) {
      uint32_t carry = 0;
      for (uint32_t k = 0; k < b.block_->count; ++k) {
        carry += uint32_t{a.at(i)} * b.at(k) + product.at(i + k);
        product.block_->digit[i + k] = static_cast<uint16_t>(carry);
        carry >>= 16;
      }
      product.block_->digit[i + b.block_->count] = static_cast<uint16_t>(carry);
    }
    product.trim();
    return product;
  }
  // Schoolbook division (Knuth, 4.3.1, algorithm D), for the remainder alone.
  friend Number operator%(const Number& a, const Number& b) {
    if (compare(a, b) < 0) return a;
    if (b.block_->count == 1) {
      uint32_t rest = 0;
      for (uint32_t i = a.block_->count; i-- > 0;) rest = (rest << 16 | a.at(i)) % b.at(0);
      return Number(rest);
    }
    const uint32_t n = b.block_->count;
    const int shift = __builtin_clz(b.at(n - 1)) - 16;
    const Number divisor = b.shifted(shift, n);
    Number rest = a.shifted(shift, a.block_->count + 1);
    for (uint32_t j = a.block_->count + 1 - n; j-- > 0;) {
      const uint32_t top = uint32_t{rest.at(j + n)} << 16 | rest.at(j + n - 1);
      // Not 0: the divisor is shifted until its highest bit is set.
      uint64_t guess = top / divisor.at(n - 1);  // NOLINT(clang-analyzer-core.DivideZero)
      uint64_t left = top % divisor.at(n - 1);
      while (guess >> 16 != 0 || guess * divisor.at(n - 2) > (left << 16 | rest.at(j + n - 2))) {
        --guess;
        left += divisor.at(n - 1);
        if (left >> 16 != 0) break;
      }
      int64_t borrow = 0;
      for (uint32_t i = 0; i <= n; ++i) {
        borrow += int64_t{rest.at(i + j)} - static_cast<int64_t>(guess * divisor.at(i));
        rest.block_->digit[i + j] = static_cast<uint16_t>(borrow);
        borrow >>= 16;
      }
      if (borrow == 0) continue;
      uint32_t carry = 0;  // one too many
      for (uint32_t i = 0; i <= n; ++i) {
        carry += uint32_t{rest.at(i + j)} + divisor.at(i);
        rest.block_->digit[i + j] = static_cast<uint16_t>(carry);
        carry >>= 16;
      }
    }
    rest.trim();
    return rest.halved(shift);
  }
  // Divided by 2^bits, bits < 16.
  Number halved(int bits) const {
    Number half(allocate(block_->count));
    for (uint32_t i = 0; i < block_->count; ++i) {
      const uint32_t both = uint32_t{at(i + 1)} << 16 | at(i);
      half.block_->digit[i] = static_cast<uint16_t>(both >> bits);
    }
    half.trim();
    return half;
  }

 private:
  struct Block {
    uint32_t count;
    uint16_t digit[];
  };

  explicit Number(Block* block) : block_(block) {}
  static Block* allocate(uint32_t count) {
    auto* block = static_cast<Block*>(malloc(sizeof(Block) + count * sizeof(uint16_t)));
    if (block == nullptr) abort();
    block->count = count;
    return block;
  }
  uint16_t at(uint32_t i) const { return i < block_->count ? block_->digit[i] : 0; }
  void trim() {
    while (block_->count != 0 && block_->digit[block_->count - 1] == 0) --block_->count;
  }
  // Times 2^bits, bits < 16, in `count` digits.
  Number shifted(int bits, uint32_t count) const {
    Number moved(allocate(count));
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t both = uint32_t{at(i)} << 16 | (i == 0 ? 0 : at(i - 1));
      moved.block_->digit[i] = static_cast<uint16_t>(both >> (16 - bits));
    }
    return moved;
  }

  Block* block_;
};

Number greatest_divisor(Number a, Number b) {
  while (!b.is_zero()) {
    Number rest = a % b;
    a = std::move(b);
    b = std::move(rest);
  }
  return a;
}

Number power(const Number& base, const Number& exponent, const Number& modulus) {
  if (exponent.is_zero()) return Number(1);
  const Number half = power(base, exponent.halved(1), modulus);
  Number square = half * half % modulus;
  return exponent.is_odd() ? square * base % modulus : square;
}

bool is_prime(const Number& n) {
  const Number one(1);
  const Number less = n - one;
  Number odd = less;
  int twos = 0;
  while (!odd.is_odd()) {
    odd = odd.halved(1);
    ++twos;
  }
  for (const uint64_t base : {2, 3, 5, 7, 11, 13}) {
    Number x = power(Number(base), odd, n);
    bool passed = Number::compare(x, one) == 0;
    for (int i = 0; i < twos && !passed; ++i) {
      passed = Number::compare(x, less) == 0;
      x = x * x % n;
    }
    if (!passed) return false;
  }
  return true;
}

// A factor of n by iterating x^2 + c; n or 0 if this polynomial finds none.
Number find_factor_with(const Number& n, const Number& c) {
  constexpr uint64_t kStepsPerDivisor = 64;
  const Number one(1);
  Number slow(2);
  Number fast(2);
  Number product(1);
  for (uint64_t length = 1;; length *= 2) {
    slow = fast;
    for (uint64_t i = 0; i < length; ++i) {
      fast = (fast * fast + c) % n;
      const bool below = Number::compare(fast, slow) < 0;
      product = product * (below ? slow - fast : fast - slow) % n;
      if (product.is_zero()) return product;
      if (i % kStepsPerDivisor != kStepsPerDivisor - 1 && i + 1 != length) continue;
      Number divisor = greatest_divisor(product, n);
      if (Number::compare(divisor, one) != 0) return divisor;
    }
  }
}

Number find_factor(const Number& n) {
  for (uint64_t c = 1;; ++c) {
    Number factor = find_factor_with(n, Number(c));
    if (!factor.is_zero() && Number::compare(factor, n) != 0) return factor;
  }
}

Number next_prime(Number candidate) {
  const Number one(1);
  while (!candidate.is_odd() || !is_prime(candidate)) candidate = candidate + one;
  return candidate;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: bench_factorise COUNT\n");
    return 2;
  }
  uint64_t state = 20200329;
  const auto random = [&state](int bits) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return state >> (64 - bits) | 1ULL << (bits - 1);
  };
  for (unsigned long i = strtoul(argv[1], nullptr, 10); i > 0; --i) {
    const Number small = next_prime(Number(random(30)));
    const Number large = next_prime(Number(random(57)) * Number(random(57)));
    const Number factor = find_factor(small * large);
    if (Number::compare(factor, small) != 0 && Number::compare(factor, large) != 0) return 1;
    small.print();
    printf(" * ");
    large.print();
    printf("\n");
  }
  return 0;
}
