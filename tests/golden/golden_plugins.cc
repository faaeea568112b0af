// Two libraries, one after the other at the same addresses: sites keep the one they were in.
#include <dlfcn.h>
#include <link.h>

#include <cstring>

#include "golden.h"
#include "golden_stacks_parts.h"

namespace golden {

namespace {

// Calls the library's function, unloads it and returns the address it was at.
GOLDEN_FRAME unsigned long use(const char* path, const char* function) {
  void* library = dlopen(path, RTLD_NOW);  // SITE dlopen any
  REQUIRE(library != nullptr);
  auto* leak = reinterpret_cast<void (*)(int)>(dlsym(library, function));  // SITE dlsym any
  REQUIRE(leak != nullptr);
  leak(3);  // SITE uses_plugin outer once size=100 allocs=18 freed=0
  const unsigned long base = static_cast<link_map*>(library)->l_addr;
  REQUIRE(dlclose(library) == 0);  // SITE dlclose any
  return base;
}

// Next to the program.
void path_of(const char* name, char* to, size_t capacity) {
  const ssize_t n = readlink("/proc/self/exe", to, capacity - 1);
  REQUIRE(n > 0);
  to[n] = 0;
  char* base = strrchr(to, '/') + 1;
  const size_t room = capacity - static_cast<size_t>(base - to);
  REQUIRE(snprintf(base, room, "%s", name) < static_cast<int>(room));
}

}  // namespace

void install_plugins() {
  char alpha[4096];
  char gamma[4096];
  path_of("golden_plugin_alpha.so", alpha, sizeof alpha);
  path_of("golden_plugin_gamma.so", gamma, sizeof gamma);
  int same = 0;
  for (int i = 0; i < 3; ++i) {
    const unsigned long first = use(alpha, "leak_alpha");
    const unsigned long second = use(gamma, "leak_gamma");
    same += first == second ? 1 : 0;
  }
  REQUIRE(same > 0);
}

}  // namespace golden
