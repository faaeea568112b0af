// Loads libraries in unusual ways, and prints what became of it.
//
// Usage: loading deepbind LIBRARY    it binds to the C library's malloc, past any preloaded one
//        loading namespace LIBRARY   in a name space with a C library of its own
//        loading nested LIBRARY      its constructor loads another one, while threads allocate
//        loading tls DIRECTORY       as many users of static thread-local storage as can be loaded
//        loading unwinder            whose unwinder and backtrace() a program gets
#include <dlfcn.h>
#include <execinfo.h>
#include <unwind.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

template <class F>
F function(void* handle, const char* name) {
  const auto f = reinterpret_cast<F>(dlsym(handle, name));
  if (f == nullptr) std::abort();
  return f;
}

void* load(const char* library, int how) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | how);
  if (handle == nullptr) {
    std::printf("%s\n", dlerror());
    std::exit(1);
  }
  return handle;
}

// Blocks cross the border in both directions: one malloc serves both sides.
int deepbind(const char* library) {
  for (int round = 0; round < 20; ++round) {
    void* handle = load(library, RTLD_DEEPBIND);
    const auto allocate = function<void* (*)(size_t)>(handle, "guest_allocate");
    const auto release = function<void (*)(void*)>(handle, "guest_free");
    std::printf("%lu\n", function<unsigned long (*)()>(handle, "guest_work")());
    for (size_t i = 0; i < 300; ++i) {
      void* theirs = allocate(i);
      void* ours = std::malloc(i);
      std::memset(ours, 1, i);
      release(ours);
      std::free(theirs);
    }
    dlclose(handle);
  }
  return 0;
}

int name_space(const char* library) {
  for (int round = 0; round < 5; ++round) {
    void* handle = dlmopen(LM_ID_NEWLM, library, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) std::abort();
    const auto allocate = function<void* (*)(size_t)>(handle, "guest_allocate");
    const auto release = function<void (*)(void*)>(handle, "guest_free");
    for (size_t i = 0; i < 1000; ++i) release(allocate(i));
    std::printf("%lu\n", function<unsigned long (*)()>(handle, "guest_work")());
    dlclose(handle);
  }
  return 0;
}

int nested(const char* library) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&stop] {
      while (!stop) std::string(1000, 'x').swap(*std::make_unique<std::string>(500, 'y'));
    });
  }
  for (int round = 0; round < 50; ++round) {
    void* handle = load(library, 0);
    std::printf("%lu\n", *function<unsigned long*>(handle, "nested_sum"));
    dlclose(handle);
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  return 0;
}

int tls(const std::string& directory) {
  int loaded = 0;
  std::vector<char*> at;
  for (;; ++loaded) {
    const std::string library = directory + "/" + std::to_string(loaded) + ".so";
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) break;
    at.push_back(function<char* (*)()>(handle, "tls_guest_touch")());
  }
  std::printf("%d loaded, then: %s\n", loaded,
              std::strstr(dlerror(), "static TLS") != nullptr ? "no room" : "another reason");
  std::sort(at.begin(), at.end());
  for (size_t i = 1; i < at.size(); ++i) {
    if (at[i] - at[i - 1] < 64) return 1;
  }
  std::thread([] { delete new int; }).join();
  return 0;
}

void print_definer(const char* name) {
  Dl_info info{};
  void* found = dlsym(RTLD_DEFAULT, name);
  const bool known = found != nullptr && dladdr(found, &info) != 0;
  const char* slash = known ? std::strrchr(info.dli_fname, '/') : nullptr;
  std::printf("%s: %s\n", name, slash != nullptr ? slash + 1 : known ? info.dli_fname : "none");
}

[[gnu::noinline]] int thrown(int depth) {
  if (depth == 0) throw std::runtime_error(std::string(100, 'x'));
  return thrown(depth - 1) + 1;
}

_Unwind_Reason_Code count_frame(_Unwind_Context*, void* count) {
  ++*static_cast<int*>(count);
  return _URC_NO_REASON;
}

int unwinder() {
  for (const char* name :
       {"_Unwind_Backtrace", "_Unwind_RaiseException", "_Unwind_Resume", "_Unwind_GetIP",
        "_Unwind_Find_FDE", "backtrace", "unw_step", "__register_frame"}) {
    print_definer(name);
  }
  int caught = 0;
  for (int depth = 0; depth < 50; ++depth) {
    try {
      thrown(depth);
    } catch (const std::runtime_error&) {
      ++caught;
    }
  }
  void* frames[64];
  const int depth = backtrace(frames, 64);
  int counted = 0;
  _Unwind_Backtrace(count_frame, &counted);
  std::printf("caught %d, backtrace of %d frames, unwound %d\n", caught, depth, counted);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "";
  const char* library = count > 2 ? arguments[2] : "";
  // Whatever mla does at its first events has been done.
  for (size_t i = 0; i < 12000; ++i) std::free(std::malloc(i % 100));
  if (what == "deepbind") return deepbind(library);
  if (what == "namespace") return name_space(library);
  if (what == "nested") return nested(library);
  if (what == "tls") return tls(library);
  if (what == "unwinder") return unwinder();
  return 2;
}
