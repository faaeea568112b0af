// All forms of operator new and delete.
#include <dlfcn.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "golden.h"
#include "golden_parts.h"

namespace golden {

namespace {

constexpr std::align_val_t kAlign{64};

GOLDEN_FRAME void single() {
  void* p[4];
  for (void*& q : p) q = keep(::operator new(40));  // SITE new size=40 allocs=4 freed=3
  // STACK new native golden::(anonymous namespace)::single()
  ::operator delete(p[0]);
  ::operator delete(p[1], 40);
  ::operator delete(p[2], std::nothrow);
  // EXPECT new_nothrow size=41 allocs=4 freed=1
  for (void*& q : p) q = keep(::operator new(41, std::nothrow));  // SITE new_nothrow
  ::operator delete(p[0], std::nothrow);
  void* empty = keep(::operator new(0));  // SITE new_0 size=0 allocs=1 freed=0
  REQUIRE(empty != nullptr);
  ::operator delete(nullptr);
}

GOLDEN_FRAME void array() {
  void* p[4];
  for (void*& q : p) q = keep(::operator new[](48));  // SITE new_array size=48 allocs=4 freed=3
  ::operator delete[](p[0]);
  ::operator delete[](p[1], 48);
  ::operator delete[](p[2], std::nothrow);
  for (void*& q : p) {
    // EXPECT new_array_nothrow size=49 allocs=4 freed=1
    q = keep(::operator new[](49, std::nothrow));  // SITE new_array_nothrow
  }
  ::operator delete[](p[0], std::nothrow);
}

GOLDEN_FRAME void aligned() {
  void* p[4];
  for (void*& q : p) {
    q = keep(::operator new(72, kAlign));  // SITE new_aligned size=72 allocs=4 freed=3
    REQUIRE(reinterpret_cast<uintptr_t>(q) % 64 == 0);
  }
  ::operator delete(p[0], kAlign);
  ::operator delete(p[1], 72, kAlign);
  ::operator delete(p[2], kAlign, std::nothrow);
  for (void*& q : p) {
    // EXPECT new_aligned_nothrow size=73 allocs=4 freed=1
    q = keep(::operator new(73, kAlign, std::nothrow));  // SITE new_aligned_nothrow
  }
  ::operator delete(p[0], kAlign, std::nothrow);
}

GOLDEN_FRAME void aligned_array() {
  void* p[4];
  for (void*& q : p) {
    q = keep(::operator new[](80, kAlign));  // SITE new_array_aligned size=80 allocs=4 freed=3
  }
  ::operator delete[](p[0], kAlign);
  ::operator delete[](p[1], 80, kAlign);
  ::operator delete[](p[2], kAlign, std::nothrow);
  for (void*& q : p) {
    // EXPECT array_aligned_nothrow size=81 allocs=4 freed=1
    q = keep(::operator new[](81, kAlign, std::nothrow));  // SITE array_aligned_nothrow
  }
  ::operator delete[](p[0], kAlign, std::nothrow);
}

struct Node {
  Node* next = nullptr;
  char data[48] = {};
};

GOLDEN_FRAME void expressions() {
  keep(new Node);             // SITE new_node size=56 allocs=1 freed=0
  Node* nodes = new Node[3];  // SITE new_nodes size=168 allocs=1 freed=1
  keep(nodes);
  delete[] nodes;
  auto numbers = std::make_unique<std::vector<int>>(100);  // SITE vector allocs=2 bytes=424 freed=2
  keep(numbers.get());
  keep(new std::string(unknown(99), 'x'));  // SITE string allocs=2 bytes=132 freed=0
}

thread_local int refusals;

void when_out_of_memory() {
  if (++refusals % 3 == 0) throw std::bad_alloc();  // SITE throw live=0
}

constexpr size_t kTooMuch = PTRDIFF_MAX - 100;

// Debian's mimalloc is built as C: it calls no handler, and aborts where it would have to throw.
bool throws_bad_alloc;

GOLDEN_FRAME void failing() {
  int caught = 0;
  try {
    if (throws_bad_alloc) keep(::operator new(unknown(kTooMuch)));  // SITE new_failing live=0
  } catch (const std::bad_alloc&) {
    ++caught;
  }
  try {
    if (throws_bad_alloc) {
      keep(::operator new[](unknown(kTooMuch), kAlign));  // SITE new_failing_aligned live=0
    }
  } catch (const std::bad_alloc&) {
    ++caught;
  }
  // EXPECT new_failing_nothrow live=0
  void* none = keep(::operator new(unknown(kTooMuch), std::nothrow));  // SITE new_failing_nothrow
  REQUIRE(none == nullptr);
  // EXPECT failing_nothrow live=0
  none = keep(::operator new(unknown(kTooMuch), kAlign, std::nothrow));  // SITE failing_nothrow
  REQUIRE(none == nullptr);
  REQUIRE(caught == (throws_bad_alloc ? 2 : 0) && refusals == (throws_bad_alloc ? 12 : 0));
  // The thread is recorded as before.
  for (int i = 0; i < 3; ++i) keep(::operator new(43));  // SITE new_after size=43 allocs=3 freed=0
}

}  // namespace

void refuse_memory() {
  std::set_new_handler(when_out_of_memory);
  throws_bad_alloc = dlsym(RTLD_DEFAULT, "mi_version") == nullptr;  // SITE dlsym_mimalloc any
}

void new_sites() {
  single();
  array();
  aligned();
  aligned_array();
  expressions();
  failing();
}

}  // namespace golden
