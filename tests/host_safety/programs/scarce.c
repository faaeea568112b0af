// An allocator on top of the next one, which has no memory for some sizes. Preloaded by a test, in
// front of libmla.so or behind it.
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

// As most of these do it, though dlsym may ask for memory itself.
#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static int cannot_be_had(size_t bytes) {
  if (bytes % 64 != 13) return 0;
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t bytes) {
  static __typeof__(&malloc) next;
  if (next == NULL) next = NEXT(malloc);
  return cannot_be_had(bytes) ? NULL : next(bytes);
}
void free(void* block) {
  static __typeof__(&free) next;
  if (next == NULL) next = NEXT(free);
  next(block);
}
void* calloc(size_t count, size_t size) {
  static __typeof__(&calloc) next;
  if (next == NULL) next = NEXT(calloc);
  return cannot_be_had(count * size) ? NULL : next(count, size);
}
void* realloc(void* old, size_t bytes) {
  static __typeof__(&realloc) next;
  if (next == NULL) next = NEXT(realloc);
  return cannot_be_had(bytes) ? NULL : next(old, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  static __typeof__(&memalign) next;
  if (next == NULL) next = NEXT(memalign);
  return cannot_be_had(bytes) ? NULL : next(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** to, size_t alignment, size_t bytes) {
  static __typeof__(&posix_memalign) next;
  if (next == NULL) next = NEXT(posix_memalign);
  return cannot_be_had(bytes) ? ENOMEM : next(to, alignment, bytes);
}
size_t malloc_usable_size(void* block) {
  static __typeof__(&malloc_usable_size) next;
  if (next == NULL) next = NEXT(malloc_usable_size);
  return next(block);
}
