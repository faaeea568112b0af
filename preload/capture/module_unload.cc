#include "capture/module_unload.h"

#include "capture/reference_unwinder.h"
#include "capture/rule_cache.h"
#include "capture/stack_memo.h"
#include "capture/stack_trie.h"
#include "segment/module_log.h"

namespace mla {

void drop_unloaded_modules() {
  find_unloaded_modules([](uint64_t low, uint64_t high) {
    rule_cache.forget(low, high);
    forget_nodes(low, high);
    forget_reference_caches();
    invalidate_stack_memos();
  });
}

}  // namespace mla
