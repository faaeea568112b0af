// Lives with an allocator that has no memory for sizes of 64 n + 13 bytes (scarce.c), in every
// function: what failed has changed nothing. Keeps 50 of 100 blocks of 1000 bytes, each the rest of
// reallocs that were refused.
#include <malloc.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

int refused;
void* volatile opaque;

template <class P>
P* seen(P* p) {
  opaque = p;
  return p;
}

void expect(bool good, const char* what) {
  if (good) return;
  std::printf("wrong: %s\n", what);
  std::exit(1);
}

void count_refusal(const void* p, size_t bytes) {
  expect((p == nullptr) == (bytes % 64 == 13), "who is refused");
  if (p != nullptr) return;
  expect(errno == ENOMEM, "errno");
  errno = 0;
  ++refused;
}

char* volatile kept[100];  // read anew each time: to the compiler a realloc ends a block

[[gnu::noinline]] void keep_what_cannot_grow() {
  for (int i = 0; i < 100; ++i) {
    kept[i] = static_cast<char*>(std::malloc(1000));
    std::memset(kept[i], i, 1000);
    const size_t larger = static_cast<size_t>(64) * static_cast<size_t>(i + 20) + 13;
    count_refusal(seen(std::realloc(kept[i], larger)), larger);
    count_refusal(seen(reallocarray(kept[i], 1, larger)), larger);
    expect(kept[i][0] == static_cast<char>(i) && kept[i][999] == static_cast<char>(i), "contents");
    if (i % 2 == 0) std::free(kept[i]);
  }
}

void by_operators(size_t bytes) {
  try {
    delete[] seen(new char[bytes]);
    expect(bytes % 64 != 13, "new that is refused");
  } catch (const std::bad_alloc&) {
    expect(bytes % 64 == 13, "new that throws");
    errno = 0;
    ++refused;
  }
  char* quiet = seen(new (std::nothrow) char[bytes]);
  expect((quiet == nullptr) == (bytes % 64 == 13), "nothrow new");
  errno = 0;
  delete[] quiet;
}

}  // namespace

int main() {
  for (size_t bytes = 1; bytes < 3000; ++bytes) {
    void* p = seen(std::malloc(bytes));
    count_refusal(p, bytes);
    std::free(p);
    p = seen(std::calloc(1, bytes));
    count_refusal(p, bytes);
    std::free(p);
    p = seen(memalign(64, bytes));
    count_refusal(p, bytes);
    std::free(p);
    p = &refused;
    if (posix_memalign(&p, 64, bytes) == 0) {
      std::free(p);
    } else {
      expect(p == &refused && bytes % 64 == 13, "posix_memalign");
      ++refused;
    }
    by_operators(bytes);
  }
  keep_what_cannot_grow();
  std::printf("%d refused\n", refused);
}
