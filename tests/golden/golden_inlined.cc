// Functions the compiler puts into others, templates, a lambda: what the stack must show of them.
#include <cstdlib>

#include "golden.h"
#include "golden_parts.h"

namespace golden {

GOLDEN_INLINE void* innermost(size_t bytes) {
  return keep(malloc(bytes));  // SITE innermost allocs=9 bytes=406 freed=2 live_bytes=322
}
GOLDEN_INLINE void* middle(size_t bytes) {
  return innermost(bytes + 2);  // SITE middle outer allocs=6 bytes=252 freed=2 live_bytes=168
}

namespace {

GOLDEN_FRAME void one_level() {
  for (int i = 0; i < 2; ++i) keep(innermost(52));  // SITE one_level outer size=52 allocs=2 freed=0
}
// STACK one_level inline golden::innermost(unsigned long)@innermost
// STACK one_level native golden::(anonymous namespace)::one_level()@one_level

GOLDEN_FRAME void two_levels() {
  for (int i = 0; i < 4; ++i) {
    void* p = keep(middle(40));  // SITE two_levels outer size=42 allocs=4 freed=2
    if (i % 2 == 0) free(p);
  }
  for (int i = 0; i < 2; ++i)
    keep(middle(40));  // SITE two_levels_again outer size=42 allocs=2 freed=0
}
// STACK two_levels inline golden::innermost(unsigned long)@innermost
// STACK two_levels inline golden::middle(unsigned long)@middle
// STACK two_levels native golden::(anonymous namespace)::two_levels()@two_levels
// STACK two_levels_again inline golden::innermost(unsigned long)@innermost
// STACK two_levels_again inline golden::middle(unsigned long)@middle
// STACK two_levels_again native golden::(anonymous namespace)::two_levels()@two_levels_again

template <class T, int kExtra>
struct Pool {
  GOLDEN_FRAME T* take(size_t count) {
    // EXPECT pool outer size=50 allocs=1 freed=0
    return static_cast<T*>(keep(innermost(count * sizeof(T) + kExtra)));  // SITE pool
  }
};
// STACK pool inline golden::innermost(unsigned long)@innermost
// STACK pool native golden::(anonymous namespace)::Pool<double, 2>::take(unsigned long)@pool
// STACK pool native golden::(anonymous namespace)::uses_pool()@uses_pool

GOLDEN_FRAME void uses_pool() {
  Pool<double, 2> pool;
  keep(pool.take(unknown(6)));  // SITE uses_pool outer size=50 allocs=1 freed=0
}

}  // namespace

void inlined_sites() {
  one_level();
  two_levels();
  uses_pool();
}

}  // namespace golden
