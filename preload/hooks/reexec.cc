#include "hooks/reexec.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "hooks/allocator.h"
#include "segment/own_memory.h"
#include "segment/settings.h"
#include "segment/sys.h"
#include "segment/text.h"

namespace mla {

namespace {

constexpr const char* kGuard = "MLA_REEXEC";
constexpr uint64_t kMostPreload = 8192;
constexpr int kReadable = 4;  // R_OK

bool is_mla(const char* entry, uint64_t length) { return preloads_mla(entry, length); }

// Calls each(entry, length) for the colon- or blank-separated entries.
template <class Each>
void for_each_entry(const char* list, Each each) {
  while (list != nullptr && *list != 0) {
    uint64_t n = 0;
    while (list[n] != 0 && list[n] != ':' && list[n] != ' ') ++n;
    if (n != 0) each(list, n);
    list += list[n] == 0 ? n : n + 1;
  }
}

bool same_inode(const char* a, const char* b) {
  struct stat x = {};
  struct stat y = {};
  const long ra = sys::call(SYS_newfstatat, AT_FDCWD, sys::arg(a), sys::arg(&x), 0);
  const long rb = sys::call(SYS_newfstatat, AT_FDCWD, sys::arg(b), sys::arg(&y), 0);
  return ra == 0 && rb == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void append(Text& list, const char* entry, uint64_t length) {
  if (list.length() != text_length("LD_PRELOAD=")) list.add_char(':');
  list.add(entry, length);
}

// The auxiliary vector lies behind the environment on the stack the kernel made.
ElfW(auxv_t) * auxiliary_vector(char** environment) {
  char** e = environment;
  while (*e != nullptr) ++e;
  return reinterpret_cast<ElfW(auxv_t)*>(e + 1);
}

// The freed slots hold NULLs, so that the auxiliary vector stays where its users expect it.
void remove_guard(char** environment) {
  char** to = environment;
  for (char** from = environment; from != nullptr && *from != nullptr; ++from) {
    if (!starts_with(*from, "MLA_REEXEC=")) *to++ = *from;
  }
  while (to != nullptr && *to != nullptr) *to++ = nullptr;
}

}  // namespace

bool finish_reexec(char** environment) {
  const char* guard = find_variable(environment, kGuard);
  if (guard == nullptr) return false;
  // "<pid>\n<thread name>\n<AT_EXECFN>": another's guard is nothing to us. The string stays where
  // it is, only its pointer leaves the list.
  char own_pid[24];
  Text(own_pid, sizeof own_pid).add_number(sys::getpid()).add("\n");
  const bool ours = starts_with(guard, own_pid);
  if (ours) guard += text_length(own_pid);
  uint64_t n = 0;
  while (ours && guard[n] != 0 && guard[n] != '\n') ++n;
  char name[16] = {};
  __builtin_memcpy(name, guard, n < 15 ? n : 15);
  if (ours) sys::prctl(PR_SET_NAME, name);
  if (ours && guard[n] == '\n' && guard[n + 1] != 0) {
    for (ElfW(auxv_t)* a = auxiliary_vector(environment); a->a_type != AT_NULL; ++a) {
      if (a->a_type == AT_EXECFN) a->a_un.a_val = reinterpret_cast<uintptr_t>(guard + n + 1);
    }
  }
  remove_guard(environment);
  if (environ != environment) remove_guard(environ);  // a constructor before ours called setenv
  return ours;
}

void reexec(char** argv, char** environment, const char* behind, bool without_mla) {
  if (getauxval(AT_BASE) == 0) return;  // started as an argument of ld.so: exec would start ld.so
  static char preload[kMostPreload];
  Text list(preload, sizeof preload);
  list.add("LD_PRELOAD=");
  const char* self = own_object()->l_name;
  if (!without_mla) append(list, self, text_length(self));
  if (behind != nullptr) append(list, behind, text_length(behind));
  for_each_entry(find_variable(environment, "LD_PRELOAD"), [&](const char* entry, uint64_t n) {
    const bool repeated =
        behind != nullptr && n == text_length(behind) && __builtin_memcmp(entry, behind, n) == 0;
    if (!is_mla(entry, n) && !repeated) append(list, entry, n);
  });
  static char guard[2048];
  char name[17] = {};
  sys::prctl(PR_GET_NAME, name);
  const char* executed_as = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  Text text(guard, sizeof guard);
  text.add(kGuard)
      .add("=")
      .add_number(sys::getpid())
      .add("\n")
      .add(name)
      .add("\n")
      .add(executed_as == nullptr ? "" : executed_as);
  if (list.cut() || text.cut()) return;

  uint64_t count = 0;
  while (environment[count] != nullptr) ++count;
  char** changed = static_cast<char**>(own_map((count + 3) * sizeof(char*)));
  if (changed == nullptr) return;
  uint64_t n = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (!starts_with(environment[i], "LD_PRELOAD=")) changed[n++] = environment[i];
  }
  if (list.length() != text_length("LD_PRELOAD=")) changed[n++] = preload;
  if (!without_mla) changed[n++] = guard;  // no second run without libmla.so to remove it

  // The name it was executed by keeps the thread name; but a script's is that of the script.
  if (executed_as != nullptr && same_inode(executed_as, "/proc/self/exe")) {
    sys::execve(executed_as, argv, changed);
  }
  static char exe[4096];
  const long length = sys::readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (length > 0) sys::execve(exe, argv, changed);
}

void leave_preload(char** environment) {
  char* value = const_cast<char*>(find_variable(environment, "LD_PRELOAD"));
  if (value == nullptr) return;
  char* to = value;
  for_each_entry(value, [&](const char* entry, uint64_t n) {
    if (is_mla(entry, n)) return;
    if (to != value) *to++ = ':';
    __builtin_memmove(to, entry, n);
    to += n;
  });
  *to = 0;
}

const char* package_of(const char* name) {
  if (same_text(name, "jemalloc")) return "libjemalloc2";
  if (same_text(name, "tcmalloc")) return "libtcmalloc-minimal4";
  if (same_text(name, "mimalloc")) return "libmimalloc2.0";
  return nullptr;
}

bool find_allocator_library(const char* name, char* path, unsigned long capacity) {
  struct Known {
    const char* name;
    const char* file;
  };
  constexpr Known kKnown[] = {
      {"jemalloc", "libjemalloc.so.2"},   {"tcmalloc", "libtcmalloc_minimal.so.4"},
      {"tcmalloc", "libtcmalloc.so.4"},   {"mimalloc", "libmimalloc.so.2"},
      {"mimalloc", "libmimalloc.so.2.0"},
  };
  constexpr const char* kDirectories[] = {
    "/usr/local/lib",
#if defined(__x86_64__)
    "/usr/lib/x86_64-linux-gnu",
#else
    "/usr/lib/aarch64-linux-gnu",
#endif
    "/usr/lib64",
    "/usr/lib",
  };
  for (const Known& known : kKnown) {
    if (!same_text(known.name, name)) continue;
    bool found = false;
    const auto try_directory = [&](const char* directory, uint64_t length) {
      if (found) return;
      Text text(path, capacity);
      text.add(directory, length).add("/").add(known.file);
      found = !text.cut() && sys::access(path, kReadable) == 0;
    };
    for_each_entry(find_variable(environ, "LD_LIBRARY_PATH"), try_directory);
    for (const char* directory : kDirectories) try_directory(directory, text_length(directory));
    if (found) return true;
  }
  return false;
}

}  // namespace mla
