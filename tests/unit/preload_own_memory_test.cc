#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "segment/own_memory.h"

namespace mla {
namespace {

struct Piece {
  unsigned char* at;
  size_t bytes;
};

bool all_equal(const Piece& p, unsigned char value) {
  return std::all_of(p.at, p.at + p.bytes, [value](unsigned char c) { return c == value; });
}

// Allocates pieces of all sizes and fills each with `mark`.
std::vector<Piece> allocate_many(unsigned char mark) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < 4000; ++i) {
    const size_t bytes = i % 100 == 0 ? 70000 + i : 1 + i * 37 % 3000;
    pieces.push_back({static_cast<unsigned char*>(own_allocate(bytes)), bytes});
    EXPECT_NE(pieces.back().at, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pieces.back().at) % 64, 0U);
    EXPECT_TRUE(all_equal(pieces.back(), 0));
    memset(pieces.back().at, mark, bytes);
  }
  return pieces;
}

TEST(OwnMemory, PiecesOfAllThreadsAreZeroedAndApart) {
  constexpr unsigned char kThreads = 4;
  std::vector<Piece> pieces[kThreads];
  std::vector<std::thread> threads;
  for (unsigned char t = 0; t < kThreads; ++t) {
    threads.emplace_back([&pieces, t] { pieces[t] = allocate_many(t + 1); });
  }
  for (std::thread& t : threads) t.join();
  for (unsigned char t = 0; t < kThreads; ++t) {
    for (const Piece& p : pieces[t]) ASSERT_TRUE(all_equal(p, t + 1));
  }
}

TEST(OwnMemory, IsCounted) {
  const uint64_t before = own_private_bytes.load();
  ASSERT_NE(own_map(8 * 4096), nullptr);
  EXPECT_EQ(own_private_bytes.load(), before + 8UL * 4096);
  ASSERT_NE(own_reserve(1 << 20), nullptr);  // address space only
  EXPECT_EQ(own_private_bytes.load(), before + 8UL * 4096);
}

TEST(OwnMemory, SaysWhenThereIsNone) {
  EXPECT_EQ(own_map(size_t{1} << 60), nullptr);
  EXPECT_EQ(own_reserve(size_t{1} << 60), nullptr);
  EXPECT_EQ(own_allocate(size_t{1} << 60), nullptr);
}

}  // namespace
}  // namespace mla
