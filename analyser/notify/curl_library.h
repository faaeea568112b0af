// libcurl, loaded when it is first needed: its thirty libraries cost every start of mla 6 ms.
#pragma once

#include <curl/curl.h>

namespace mla {

struct CurlLibrary {
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_perform) easy_perform;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

// Stays loaded. Throws Error, naming the package, where there is none.
const CurlLibrary& curl_library();

}  // namespace mla
