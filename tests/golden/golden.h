// What the golden programs share: their main() and the way their call sites are written.
//
// A line that allocates ends in a comment that says what a thread does there:
//
//   p = keep(malloc(24));  // SITE name size=24 allocs=5 freed=2
//
// check_golden.py reads these comments and compares them, times the number of threads, with what
// mla says of that line; every line of these files that allocates has one. See there for all they
// can say.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

// A function that stays as it is written: a frame of its own, under its own name.
#if defined(__clang__)
#define GOLDEN_FRAME __attribute__((noinline))
#else
#define GOLDEN_FRAME __attribute__((noipa))
#endif
#define GOLDEN_INLINE __attribute__((always_inline)) inline

#define REQUIRE(condition)                                                 \
  do {                                                                     \
    if (!(condition)) {                                                    \
      dprintf(2, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      _exit(3);                                                            \
    }                                                                      \
  } while (false)

namespace golden {

// The compiler can neither know what becomes of `p` nor leave out what made it.
void* keep(void* p);
// A number the compiler does not know.
inline size_t unknown(size_t n) {
  __asm__ volatile("" : "+r"(n));
  return n;
}

// Runs function(argument) in a thread of its own to its end.
void in_another_thread(void* (*function)(void*), void* argument);

// Makes `name` known to the comments as $name. All threads must agree on the value.
void say(const char* name, unsigned long value);

// Of each program: what happens once, before the threads start, and what every thread does.
void once();
void every_thread();

}  // namespace golden
