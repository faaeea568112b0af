// Anonymous mappings: counted in whole pages, by the site that made them.
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>

#include "golden.h"
#include "golden_parts.h"

namespace golden {

namespace {

constexpr size_t kPage = 4096;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;
constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

char* at(void* p, size_t page) { return static_cast<char*>(keep(p)) + page * kPage; }

// Address space that no other mapping of the process gets by chance.
char* reserve(size_t pages) {
  void* p = mmap(nullptr, pages * kPage, PROT_NONE, kAnonymous, -1, 0);  // SITE reserve allocs=0
  REQUIRE(p != MAP_FAILED);
  return static_cast<char*>(p);
}

GOLDEN_FRAME void whole() {
  for (int i = 0; i < 3; ++i) {
    // EXPECT map map size=8192 allocs=3 freed=1
    void* p = mmap(nullptr, 5000, kReadWrite, kAnonymous, -1, 0);  // SITE map
    REQUIRE(p != MAP_FAILED);
    if (i == 1) REQUIRE(munmap(p, 5000) == 0);
  }
  // EXPECT map64 map size=4096 allocs=1 freed=0
  void* p = mmap64(nullptr, kPage, PROT_READ, kAnonymous, -1, 0);  // SITE map64
  REQUIRE(p != MAP_FAILED);
  REQUIRE(munmap(at(p, 0) + 1, kPage) == -1 && errno == EINVAL);
  p = mmap(nullptr, kPage, kReadWrite, kAnonymous, -1, 1);  // SITE map_failing allocs=0
  REQUIRE(p == MAP_FAILED && errno == EINVAL);
}

// A mapping that is cut in two counts as two.
GOLDEN_FRAME void parts() {
  // EXPECT head map allocs=1 bytes=16384 live=1 live_bytes=12288
  void* p = mmap(nullptr, 4 * kPage, kReadWrite, kAnonymous, -1, 0);  // SITE head
  REQUIRE(munmap(at(p, 0), kPage) == 0);
  // EXPECT tail map allocs=1 bytes=16384 live=1 live_bytes=8192
  p = mmap(nullptr, 4 * kPage, kReadWrite, kAnonymous, -1, 0);  // SITE tail
  REQUIRE(munmap(at(p, 2), 2 * kPage) == 0);
  // EXPECT split map allocs=2 bytes=20480 live=2 live_bytes=16384
  p = mmap(nullptr, 5 * kPage, kReadWrite, kAnonymous, -1, 0);  // SITE split
  REQUIRE(munmap(at(p, 2), kPage) == 0);
  // EXPECT pieces map allocs=2 bytes=24576 live=0 live_bytes=0
  p = mmap(nullptr, 6 * kPage, kReadWrite, kAnonymous, -1, 0);  // SITE pieces
  REQUIRE(munmap(at(p, 1), kPage) == 0);
  // Not in one call: another thread may have got the hole.
  REQUIRE(munmap(at(p, 0), kPage) == 0);
  REQUIRE(munmap(at(p, 2), 4 * kPage) == 0);
}

GOLDEN_FRAME void over() {
  char* p = reserve(4);
  // EXPECT under map allocs=2 bytes=16384 live=2 live_bytes=8192
  void* q = mmap(p, 4 * kPage, kReadWrite, kAnonymous | MAP_FIXED, -1, 0);  // SITE under
  REQUIRE(q == p);
  // EXPECT over map size=8192 allocs=1 freed=0
  q = mmap(p + kPage, 2 * kPage, kReadWrite, kAnonymous | MAP_FIXED, -1, 0);  // SITE over
  REQUIRE(q == p + kPage);
  p = reserve(2);
  // EXPECT dropped map size=8192 allocs=1 freed=1
  q = mmap(p, 2 * kPage, kReadWrite, kAnonymous | MAP_FIXED, -1, 0);  // SITE dropped
  REQUIRE(q != MAP_FAILED);
  q = mmap(p, 2 * kPage, PROT_NONE, kAnonymous | MAP_FIXED, -1, 0);  // SITE dropper allocs=0
  REQUIRE(q == p);
  // EXPECT replaces_not allocs=0
  q = mmap(p, 2 * kPage, kReadWrite, kAnonymous | MAP_FIXED_NOREPLACE, -1, 0);  // SITE replaces_not
  REQUIRE(q == MAP_FAILED && errno == EEXIST);
}

GOLDEN_FRAME void moved() {
  // EXPECT grown_from map size=8192 allocs=1 freed=1
  void* p = mmap(nullptr, 2 * kPage, kReadWrite, kAnonymous, -1, 0);  // SITE grown_from
  // EXPECT grown map size=262144 allocs=1 freed=0
  p = mremap(p, 2 * kPage, 64 * kPage, MREMAP_MAYMOVE);  // SITE grown
  REQUIRE(p != MAP_FAILED);
  // EXPECT shrunk_from map size=16384 allocs=1 freed=1
  p = mmap(nullptr, 4 * kPage, kReadWrite, kAnonymous, -1, 0);  // SITE shrunk_from
  // EXPECT shrunk map size=4096 allocs=1 freed=0
  p = mremap(p, 4 * kPage, kPage, 0);  // SITE shrunk
  REQUIRE(p != MAP_FAILED);
  // EXPECT stays map size=4096 allocs=1 freed=0
  p = mmap(nullptr, kPage, kReadWrite, kAnonymous, -1, 0);           // SITE stays
  void* q = mremap(p, kPage, unknown(PTRDIFF_MAX), MREMAP_MAYMOVE);  // SITE move_failing allocs=0
  REQUIRE(q == MAP_FAILED);

  char* to = reserve(2);
  // EXPECT moved_over map allocs=1 bytes=8192 live=1 live_bytes=4096
  q = mmap(to, 2 * kPage, kReadWrite, kAnonymous | MAP_FIXED, -1, 0);  // SITE moved_over
  REQUIRE(q != MAP_FAILED);
  // EXPECT moved_from map size=4096 allocs=1 freed=1
  p = mmap(nullptr, kPage, kReadWrite, kAnonymous, -1, 0);  // SITE moved_from
  // EXPECT moved map size=4096 allocs=1 freed=0
  q = mremap(p, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, to);  // SITE moved
  REQUIRE(q == to);
}

}  // namespace

void mapping_sites() {
  whole();
  parts();
  over();
  moved();
}

}  // namespace golden
