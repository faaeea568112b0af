// The functions of <stdlib.h> and <malloc.h>.
#include <dlfcn.h>
#include <malloc.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "golden.h"
#include "golden_parts.h"

// C23; no libc of today has them, libmla.so does.
extern "C" {
__attribute__((weak)) void free_sized(void* block, size_t bytes);
__attribute__((weak)) void free_aligned_sized(void* block, size_t alignment, size_t bytes);
}

namespace golden {

namespace {

// cfree is not to be linked against since glibc 2.26.
void (*free_by_cfree)(void*);

GOLDEN_FRAME void plain() {
  void* block[5];
  for (void*& p : block) p = keep(malloc(24));  // SITE malloc size=24 allocs=5 freed=2
  // STACK malloc native golden::(anonymous namespace)::plain()
  for (void* p : block) REQUIRE(malloc_usable_size(p) >= 24);
  free(block[1]);
  free(block[3]);
  free(nullptr);
  REQUIRE(malloc_usable_size(nullptr) == 0);

  void* zeroed[3];
  for (void*& p : zeroed) {
    p = keep(calloc(3, 20));  // SITE calloc size=60 allocs=3 freed=1
    for (int i = 0; i < 60; ++i) REQUIRE(static_cast<char*>(p)[i] == 0);
  }
  free(zeroed[0]);
  void* none = keep(calloc(unknown(SIZE_MAX / 2), 3));  // SITE calloc_overflow allocs=0
  REQUIRE(none == nullptr);
  none = keep(malloc(unknown(PTRDIFF_MAX)));  // SITE malloc_failing allocs=0
  REQUIRE(none == nullptr);

  void* empty = keep(malloc(unknown(0)));  // SITE malloc_0 size=0 allocs=1 freed=0
  REQUIRE(empty != nullptr);
  empty = keep(malloc(unknown(0)));  // SITE malloc_0_freed size=0 allocs=1 freed=1
  free(empty);

  for (int i = 0; i < 2; ++i) {
    void* large = keep(malloc(1 << 20));  // SITE large size=1048576 allocs=2 freed=1
    memset(large, 1, 1 << 20);
    if (i == 0) free(large);
  }
}

GOLDEN_FRAME void reallocs() {
  void* p = keep(malloc(32));  // SITE grow_from size=32 allocs=1 freed=1
  memset(p, 'x', 32);
  p = keep(realloc(p, 64 * 1024));  // SITE grow_to size=65536 allocs=1 freed=0
  REQUIRE(static_cast<char*>(p)[31] == 'x');
  p = keep(malloc(4096));            // SITE shrink_from size=4096 allocs=1 freed=1
  keep(realloc(p, 100));             // SITE shrink_to size=100 allocs=1 freed=0
  p = keep(malloc(97));              // SITE in_place_from size=97 allocs=1 freed=1
  keep(realloc(p, 98));              // SITE in_place_to size=98 allocs=1 freed=0
  keep(realloc(nullptr, 48));        // SITE from_null size=48 allocs=1 freed=0
  p = keep(malloc(300 * 1024));      // SITE remap_from size=307200 allocs=1 freed=1
  p = keep(realloc(p, 600 * 1024));  // SITE remap_to size=614400 allocs=1 freed=1
  free(p);

  // Some free the block, some give an empty one for it.
  p = keep(malloc(40));              // SITE to_0_from size=40 allocs=1 freed=1
  p = keep(realloc(p, unknown(0)));  // SITE to_0 size=0 allocs=$gives_empty freed=$gives_empty
  say("gives_empty", p != nullptr);
  free(p);

  char* kept = static_cast<char*>(keep(malloc(56)));  // SITE failing_from size=56 allocs=1 freed=0
  strcpy(kept, "still here");
  void* none = keep(realloc(keep(kept), unknown(PTRDIFF_MAX)));  // SITE failing_to allocs=0
  REQUIRE(none == nullptr && strcmp(kept, "still here") == 0);

  p = keep(reallocarray(nullptr, 7, 11));  // SITE reallocarray size=77 allocs=1 freed=1
  errno = 0;
  none =
      keep(reallocarray(keep(p), unknown(SIZE_MAX / 2), 3));  // SITE reallocarray_overflow allocs=0
  REQUIRE(none == nullptr && errno == ENOMEM);
  none =
      keep(reallocarray(keep(p), unknown(PTRDIFF_MAX), 1));  // SITE reallocarray_failing allocs=0
  REQUIRE(none == nullptr);
  p = keep(reallocarray(keep(p), 1, 0x100));  // SITE reallocarray_again size=256 allocs=1 freed=1
  free(p);
}

bool is_aligned(const void* p, uintptr_t to) { return reinterpret_cast<uintptr_t>(p) % to == 0; }

GOLDEN_FRAME void aligned() {
  void* p = nullptr;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(posix_memalign(&p, 64, 80) == 0);  // SITE posix_memalign size=80 allocs=3 freed=1
    REQUIRE(is_aligned(p, 64));
    if (i == 0) free(p);
  }
  void* const before = p;
  REQUIRE(posix_memalign(&p, 3, 80) == EINVAL);  // SITE posix_memalign_3 allocs=0
  REQUIRE(p == before);
  // EXPECT memalign_failing allocs=0
  REQUIRE(posix_memalign(&p, 64, unknown(PTRDIFF_MAX)) == ENOMEM);  // SITE memalign_failing
  REQUIRE(p == before);

  p = keep(aligned_alloc(128, 256));  // SITE aligned_alloc size=256 allocs=1 freed=0
  REQUIRE(is_aligned(p, 128));
  p = keep(memalign(256, 90));  // SITE memalign size=90 allocs=1 freed=0
  REQUIRE(is_aligned(p, 256));
  p = keep(valloc(100));  // SITE valloc size=100 allocs=1 freed=0
  REQUIRE(is_aligned(p, 4096));
  p = keep(pvalloc(100));  // SITE pvalloc size=100 allocs=1 freed=0
  REQUIRE(is_aligned(p, 4096) && malloc_usable_size(p) >= 4096);

  for (int i = 0; i < 2; ++i) {
    p = keep(aligned_alloc(64, 128));  // SITE aligned_sized size=128 allocs=2 freed=1
    if (i == 0) free_aligned_sized(p, 64, 128);
    p = keep(malloc(33));  // SITE sized size=33 allocs=2 freed=1
    if (i == 0) free_sized(p, 33);
    p = keep(malloc(35));  // SITE cfree size=35 allocs=2 freed=1
    if (i == 0) free_by_cfree(p);
  }
  free_sized(nullptr, 1);
  free_aligned_sized(nullptr, 64, 64);
  free_by_cfree(nullptr);
}

// Of libc's functions that allocate, the requests in between are libc's affair.
GOLDEN_FRAME void through_libc() {
  for (int i = 0; i < 3; ++i) {
    void* p = keep(strdup("twelve chars"));  // SITE strdup size=13 allocs=3 freed=1
    if (i == 1) free(p);
  }
  char* text = nullptr;
  REQUIRE(asprintf(&text, "%0*d", 199, 7) == 199);  // SITE asprintf live=1 live_bytes=200
  char lines[] = "a line\nanother\n";
  FILE* file = fmemopen(lines, sizeof lines - 1, "r");  // SITE fmemopen any
  ungetc(getc(file), file);                             // SITE read_ahead any
  char* line = nullptr;
  size_t room = 0;
  REQUIRE(getline(&line, &room, file) == 7);  // SITE getline live=1 live_bytes=$getline
  REQUIRE(getline(&line, &room, file) == 8);  // SITE getline_again allocs=0
  say("getline", room);
  fclose(file);
}

}  // namespace

void find_cfree() {
  free_by_cfree = reinterpret_cast<void (*)(void*)>(dlsym(RTLD_DEFAULT, "cfree"));
  REQUIRE(free_by_cfree != nullptr && free_sized != nullptr && free_aligned_sized != nullptr);
}

void malloc_sites() {
  plain();
  reallocs();
  aligned();
  through_libc();
}

}  // namespace golden
