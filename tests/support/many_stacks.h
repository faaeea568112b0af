// Allocations from as many call stacks as a program wants, by any number of threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>

namespace mla::test {

// Each bit of `path` leads through another function, and so to another stack.
inline void* by_path(unsigned path, unsigned turns, size_t bytes);

[[gnu::noinline]] inline void* to_the_left(unsigned path, unsigned turns, size_t bytes) {
  void* volatile block = by_path(path, turns, bytes);
  return block;
}

[[gnu::noinline]] inline void* to_the_right(unsigned path, unsigned turns, size_t bytes) {
  void* volatile block = by_path(path, turns, bytes);
  return block;
}

inline void* by_path(unsigned path, unsigned turns, size_t bytes) {
  if (turns == 0) return std::malloc(bytes);
  const auto next = (path & 1) != 0 ? to_the_left : to_the_right;
  void* volatile block = next(path >> 1, turns - 1, bytes);
  return block;
}

// Allocates and frees n blocks, by stacks of `turns` turns of which there are new ones all the
// time.
inline void churn(int n, unsigned turns) {
  static std::atomic<unsigned> next_path{0};
  void* kept[64] = {};
  for (int i = 0; i < n; ++i) {
    void*& slot = kept[i % 64];
    std::free(slot);
    slot = by_path(next_path.fetch_add(1) / 8, turns, static_cast<size_t>(16 + i % 1000));
  }
  for (void* block : kept) std::free(block);
}

}  // namespace mla::test
