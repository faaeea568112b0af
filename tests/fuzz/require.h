// What must hold whatever the input: a fuzzer that sees it broken has found something.
#pragma once

#include <cstdio>
#include <cstdlib>

#define MLA_REQUIRE(condition)                                             \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                        \
    }                                                                      \
  } while (false)
