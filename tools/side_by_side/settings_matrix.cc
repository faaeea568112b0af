#include "side_by_side/settings_matrix.h"

#include "reader/regular_file.h"

namespace mla {
namespace {

// abort_conf: a misspelt or unknown setting must not pass for one without effect.
AllocatorSetting jemalloc(const std::string& settings) {
  return {settings, "MALLOC_CONF=abort_conf:true," + settings};
}

// mimalloc 2.1 renamed decommit to purge. Its options' names stand in the library.
bool has_purge_options(const std::string& library) {
  return read_regular_file(library).find("purge_delay") != std::string::npos;
}

}  // namespace

std::vector<AllocatorSetting> settings_matrix(const std::string& allocator,
                                              const std::string& library) {
  if (allocator == "ptmalloc2") {
    return {{"arena_max=1", "MALLOC_ARENA_MAX=1"},
            {"arena_max=2", "MALLOC_ARENA_MAX=2"},
            {"arena_max=4", "MALLOC_ARENA_MAX=4"},
            {"trim_threshold=128K", "MALLOC_TRIM_THRESHOLD_=131072"},
            {"mmap_threshold=64K", "MALLOC_MMAP_THRESHOLD_=65536"},
            {"mmap_threshold=128K", "MALLOC_MMAP_THRESHOLD_=131072"},
            {"top_pad=0", "MALLOC_TOP_PAD_=0"},
            {"tcache_count=0", "GLIBC_TUNABLES=glibc.malloc.tcache_count=0"}};
  }
  if (allocator == "jemalloc") {
    return {jemalloc("narenas:1"),
            jemalloc("narenas:2"),
            jemalloc("narenas:4"),
            jemalloc("dirty_decay_ms:0"),
            jemalloc("dirty_decay_ms:500"),
            jemalloc("dirty_decay_ms:1000"),
            jemalloc("dirty_decay_ms:5000"),
            jemalloc("muzzy_decay_ms:0"),
            jemalloc("background_thread:true"),
            // Without the thread, an idle process decays nothing.
            {"bg_thread,dirty_decay_ms:1000",
             "MALLOC_CONF=abort_conf:true,background_thread:true,dirty_decay_ms:1000"},
            jemalloc("tcache_max:4096"),
            jemalloc("thp:never")};
  }
  if (allocator == "tcmalloc") {
    return {{"release_rate=10", "TCMALLOC_RELEASE_RATE=10"},
            {"aggressive_decommit", "TCMALLOC_AGGRESSIVE_DECOMMIT=1"},
            {"thread_cache=4M", "TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=4194304"},
            {"thread_cache=8M", "TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=8388608"}};
  }
  if (allocator == "mimalloc") {
    if (has_purge_options(library)) {
      return {{"purge_delay=0", "MIMALLOC_PURGE_DELAY=0"},
              {"abandoned_page_purge", "MIMALLOC_ABANDONED_PAGE_PURGE=1"}};
    }
    return {{"decommit_delay=0", "MIMALLOC_DECOMMIT_DELAY=0"},
            {"page_reset", "MIMALLOC_PAGE_RESET=1"},
            {"abandoned_page_decommit", "MIMALLOC_ABANDONED_PAGE_DECOMMIT=1"}};
  }
  return {};
}

}  // namespace mla
