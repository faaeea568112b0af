/* Counts the allocations of a program and of all it starts, without mla: preloaded, it takes the
   place of malloc and its like, adds up what glibc grants in a file for each executable, which all
   processes that run it map, and does nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

static uint64_t early;
static uint64_t* counter = &early;

static void* count(void* block) {
  if (block != NULL) __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
  return block;
}

/* Maps the file: ZOO_COUNT is the directory, the executable's base name the name. */
__attribute__((constructor)) static void map_counter(void) {
  const char* directory = getenv("ZOO_COUNT");
  char executable[PATH_MAX];
  char path[2 * PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
  if (directory == NULL || length <= 0) return;
  executable[length] = '\0';
  const char* name = strrchr(executable, '/') + 1;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return;
  uint64_t* shared = MAP_FAILED;
  if (ftruncate(file, sizeof *shared) == 0) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  close(file);
  if (shared == MAP_FAILED) return;
  counter = shared;
  __atomic_fetch_add(counter, early, __ATOMIC_RELAXED);
}

void* malloc(size_t bytes) { return count(__libc_malloc(bytes)); }
void* calloc(size_t blocks, size_t size) { return count(__libc_calloc(blocks, size)); }
void* realloc(void* old, size_t bytes) { return count(__libc_realloc(old, bytes)); }

void* reallocarray(void* old, size_t blocks, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(blocks, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return count(__libc_realloc(old, bytes));
}

void* memalign(size_t alignment, size_t bytes) { return count(__libc_memalign(alignment, bytes)); }

void* aligned_alloc(size_t alignment, size_t bytes) {
  return count(__libc_memalign(alignment, bytes));
}

int posix_memalign(void** to, size_t alignment, size_t bytes) {
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
    return EINVAL;
  }
  const int before = errno;
  void* block = count(__libc_memalign(alignment, bytes));
  errno = before;
  if (block == NULL) return ENOMEM;
  *to = block;
  return 0;
}
