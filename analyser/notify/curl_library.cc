#include "notify/curl_library.h"

#include <dlfcn.h>

#include <string>

#include "reader/error.h"

namespace mla {
namespace {

constexpr const char* kNames[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};  // one interface

[[noreturn]] void fail(const std::string& why) {
  throw Error("libcurl", "cannot be loaded (" + why + ")",
              "install the package libcurl3-gnutls or libcurl4");
}

void* open_library() {
  std::string why;
  for (const char* name : kNames) {
    if (void* const library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
    const char* error = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps one per thread
    why = error == nullptr ? name : error;
  }
  fail(why);
}

template <class Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr) fail(std::string("it has no ") + name);
}

CurlLibrary load() {
  void* const library = open_library();
  CurlLibrary curl{};
  decltype(&::curl_global_init) global_init = nullptr;
  find(library, "curl_global_init", global_init);
  find(library, "curl_easy_init", curl.easy_init);
  find(library, "curl_easy_setopt", curl.easy_setopt);
  find(library, "curl_easy_perform", curl.easy_perform);
  find(library, "curl_easy_getinfo", curl.easy_getinfo);
  find(library, "curl_easy_cleanup", curl.easy_cleanup);
  find(library, "curl_easy_strerror", curl.easy_strerror);
  find(library, "curl_slist_append", curl.slist_append);
  find(library, "curl_slist_free_all", curl.slist_free_all);
  if (global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) fail("it does not start");
  return curl;
}

}  // namespace

const CurlLibrary& curl_library() {
  static const CurlLibrary kLibrary = load();
  return kLibrary;
}

}  // namespace mla
