#include "hooks/startup.h"

#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "capture/lifecycle.h"
#include "capture/thread_local.h"
#include "hooks/allocator.h"
#include "hooks/allocator_figures.h"
#include "hooks/python_library.h"
#include "hooks/reexec.h"
#include "segment/settings.h"
#include "segment/sys.h"
#include "segment/text.h"

namespace mla {

namespace {

Settings settings;
char complaint[1024];
bool settings_read;
bool wanted_is_loaded = true;

void read_settings_once() {
  if (settings_read || environ == nullptr) return;
  settings = read_settings(environ, complaint, sizeof complaint);
  settings_read = true;
}

void say(const char* a, const char* b, const char* c, const char* d) {
  char line[1024];
  Text text(line, sizeof line);
  text.add("mla: ").add(a).add(b).add(c).add(d).add("\n");
  sys::write(2, line, text.length());
}

void complain_about_allocator() {
  const char* wanted = settings.allocator;
  const char* package = package_of(wanted);
  char path[512];
  if (package != nullptr && !find_allocator_library(wanted, path, sizeof path)) {
    say("MLA_ALLOCATOR=", wanted, ": not installed: apt install ", package);
  } else if (package == nullptr && wanted[0] != '/' && !same_text(wanted, "ptmalloc2")) {
    say("MLA_ALLOCATOR=", wanted,
        ": not known: use ptmalloc2, jemalloc, tcmalloc, mimalloc or a path", "");
  } else {
    say("MLA_ALLOCATOR=", wanted, ": could not be loaded: preload it behind libmla.so", "");
  }
  say("the program runs on ", name_of(allocator.kind), "", "");
}

// Each must be the first to see malloc, and maps most of the address space for itself.
bool program_has_sanitizer() {
  constexpr const char* kStarts[] = {"__asan_init", "__hwasan_init", "__lsan_init", "__msan_init",
                                     "__tsan_init"};
  for (const struct link_map* o = first_object(); o != nullptr; o = o->l_next) {
    for (const char* start : kStarts) {
      if (find_symbol(o, start) != nullptr) return true;
    }
  }
  return false;
}

// Puts what the recording needs in place, executing the program once more if that takes it.
void arrange_preload(char** argv) {
  if (program_has_sanitizer()) {
    refuse_recording();
    reexec(argv, environ, nullptr, true);
    return;
  }
  const struct link_map* serves = find_definer(nullptr, "malloc");
  const bool bypassed = serves != nullptr && serves != own_object();
  if (bypassed && serves == first_object()) {
    // The program defines malloc itself; nothing that is preloaded can come before it.
    refuse_recording();
    return;
  }
  char path[1024];
  Text text(path, sizeof path);
  if (!wanted_is_loaded && settings.allocator != nullptr) {
    const bool is_path = settings.allocator[0] == '/';
    const bool found = is_path ? sys::access(settings.allocator, 4) == 0
                               : find_allocator_library(settings.allocator, path, sizeof path);
    if (found) reexec(argv, environ, is_path ? settings.allocator : path, false);
    complain_about_allocator();
  } else if (bypassed) {
    reexec(argv, environ, nullptr, false);
    refuse_recording();
  }
}

}  // namespace

// AddressSanitizer asks the first library that has an opinion. Its runtime starts before our
// constructor can execute the program without libmla.so, and would end it for not being first.
// NOLINTNEXTLINE(readability-identifier-naming): the name the sanitizer asks for
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "verify_asan_link_order=0";
}

bool start() {
  if (allocator.malloc == nullptr) {
    read_settings_once();
    wanted_is_loaded = choose_allocator(settings.allocator);
    if (allocator.malloc == nullptr) return false;
    bind_allocator_service();
  }
  if (!recording_started() && environ != nullptr && getauxval(AT_SECURE) == 0) {
    read_settings_once();
    start_recording(environ, settings, allocator.kind == AllocatorKind::kPtmalloc ? 32 : 16);
  }
  return true;
}

namespace {

// Stage 2: glibc passes constructors what main() gets.
__attribute__((constructor)) void construct(int, char** argv, char** environment) {
  if (getauxval(AT_SECURE) != 0) {
    refuse_recording();
    start();
    return;
  }
  // Loaded with dlopen, behind libc: too late to see every block, and the program has begun.
  for (const struct link_map* o = first_object(); o != nullptr && o != own_object();
       o = o->l_next) {
    if (find_function(o, "gnu_get_libc_version") == nullptr) continue;
    refuse_recording();
    start();
    return;
  }
  const bool second_run = finish_reexec(environment);
  start();
  if (!second_run) {
    arrange_preload(argv);
  } else if (!wanted_is_loaded && settings.allocator != nullptr) {
    complain_about_allocator();
  }
  if (!settings.follow) leave_preload(environment);
  {
    ReentryGuard guard;
    describe_serving_allocator();
    if (recording_started() && settings.python != format::PythonMode::kNone) {
      find_python(settings);
    }
  }
  finish_start(complaint);
  if (recording_started()) at_quick_exit([] { note_exit(0, false); });  // runs no destructor
}

__attribute__((destructor)) void destruct() { note_exit(0, false); }

}  // namespace

}  // namespace mla
