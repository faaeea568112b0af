#include "capture/rule_cache.h"

#include "segment/own_memory.h"

namespace mla {

constinit RuleCache rule_cache{};

RuleCache::Table* RuleCache::make_table(uint32_t bits) {
  Table* t = static_cast<Table*>(own_map(bytes_of(bits)));
  if (t != nullptr) t->bits = bits;
  return t;
}

bool RuleCache::add(Table& t, uintptr_t pc, uint64_t rule) {
  uint32_t i = bucket(pc, t.bits);
  for (uint32_t n = 0; n < kProbes; ++n, i = (i + 1) & t.mask()) {
    Entry& e = t.entries[i];
    uintptr_t seen = e.pc.load(std::memory_order_relaxed);
    if (seen == 0 && e.pc.compare_exchange_strong(seen, pc, std::memory_order_relaxed)) {
      e.rule.store(rule, std::memory_order_release);  // acquired in rule_at()
      t.used.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    if (seen == pc) {  // forgotten, or another thread was first
      uint64_t none = 0;
      e.rule.compare_exchange_strong(none, rule, std::memory_order_release,
                                     std::memory_order_relaxed);
      return true;
    }
  }
  return false;
}

UnwindRule RuleCache::miss(uintptr_t pc) {
  const UnwindRule rule = compute_rule(pc);
  if (rule.kind == RuleKind::kNoInfo) return rule;  // code may appear there later: not kept
  const uint64_t bits = __builtin_bit_cast(uint64_t, rule);
  Table* t = table_.load(std::memory_order_acquire);
  if (t == nullptr) {
    grow(nullptr);
    t = table_.load(std::memory_order_acquire);
    if (t == nullptr) return rule;
  }
  const bool added = add(*t, pc, bits);
  if (!added || t->used.load(std::memory_order_relaxed) > t->mask() / 4 * 3) grow(t);
  return rule;
}

void RuleCache::grow(Table* full) {
  if (full != nullptr && full->bits >= kMostBits) return;
  if (growing_.exchange(1, std::memory_order_acquire) != 0) return;
  if (table_.load(std::memory_order_acquire) == full) {
    Table* bigger = make_table(full == nullptr ? kFirstBits : full->bits + 1);
    if (bigger != nullptr) {
      for (uint32_t i = 0; full != nullptr && i <= full->mask(); ++i) {
        const uintptr_t pc = full->entries[i].pc.load(std::memory_order_relaxed);
        const uint64_t rule = full->entries[i].rule.load(std::memory_order_acquire);
        if (rule != 0) add(*bigger, pc, rule);
      }
      table_.store(bigger, std::memory_order_release);  // acquired in rule_at()
      if (full != nullptr) own_empty(full, bytes_of(full->bits));
    }
  }
  growing_.store(0, std::memory_order_release);
}

void RuleCache::forget(uintptr_t low, uintptr_t high) {
  Table* t = table_.load(std::memory_order_acquire);
  for (uint32_t i = 0; t != nullptr && i <= t->mask(); ++i) {
    const uintptr_t pc = t->entries[i].pc.load(std::memory_order_relaxed);
    if (pc >= low && pc < high) t->entries[i].rule.store(0, std::memory_order_relaxed);
  }
}

}  // namespace mla
