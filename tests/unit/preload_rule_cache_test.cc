#include <gtest/gtest.h>
#include <link.h>

#include <bit>
#include <memory>
#include <thread>
#include <vector>

#include "capture/rule_cache.h"
#include "segment/own_memory.h"

namespace mla {
namespace {

uint64_t bits(const UnwindRule& rule) { return std::bit_cast<uint64_t>(rule); }

struct Range {
  uintptr_t low = 0;
  uintptr_t high = 0;
};

// The code of the C library: a million addresses with all kinds of rules.
Range code_of_libc() {
  Range range;
  dl_iterate_phdr(
      [](struct dl_phdr_info* info, size_t, void* to) {
        if (std::string(info->dlpi_name).find("/libc.so.") == std::string::npos) return 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& p = info->dlpi_phdr[i];
          if (p.p_type != PT_LOAD || (p.p_flags & PF_X) == 0) continue;
          *static_cast<Range*>(to) = {info->dlpi_addr + p.p_vaddr,
                                      info->dlpi_addr + p.p_vaddr + p.p_memsz};
        }
        return 1;
      },
      &range);
  return range;
}

// Zeroed static storage, as in the library: tables are never given back.
RuleCache& fresh_cache() {
  static std::vector<std::unique_ptr<RuleCache>> caches;
  caches.push_back(std::make_unique<RuleCache>());
  return *caches.back();
}

TEST(UnwindRule, OfCodeWithoutInformation) {
  EXPECT_EQ(compute_rule(0x10).kind, RuleKind::kNoInfo);
  const auto heap = std::make_unique<int>(1);
  EXPECT_EQ(compute_rule(reinterpret_cast<uintptr_t>(heap.get())).kind, RuleKind::kNoInfo);
}

TEST(UnwindRule, OfAFunctionsFirstInstruction) {
  // Nothing is pushed yet: the return address is what the stack pointer points at.
  const UnwindRule rule = compute_rule(reinterpret_cast<uintptr_t>(&code_of_libc));
  EXPECT_EQ(rule.kind, RuleKind::kCfaFromSp);
  EXPECT_EQ(rule.cfa_offset, 8);
  EXPECT_EQ(rule.fp_offset, UnwindRule::kFpUntouched);
}

TEST(UnwindRule, OfNearlyAllOfLibcIsSupported) {
  const Range code = code_of_libc();
  ASSERT_NE(code.low, 0U);
  uint64_t unsupported = 0;
  uint64_t known = 0;
  for (uintptr_t pc = code.low; pc < code.high; pc += 7) {
    const RuleKind kind = compute_rule(pc).kind;
    known += kind != RuleKind::kNoInfo ? 1 : 0;
    unsupported += kind == RuleKind::kUnsupported ? 1 : 0;
  }
  EXPECT_GT(known, (code.high - code.low) / 7 / 2);
  EXPECT_LT(unsupported, known / 100);
}

TEST(RuleCache, AnswersAsComputed) {
  RuleCache& cache = fresh_cache();
  const Range code = code_of_libc();
  for (int round = 0; round < 2; ++round) {
    for (uintptr_t pc = code.low; pc < code.high; pc += 31) {
      ASSERT_EQ(bits(cache.rule_at(pc)), bits(compute_rule(pc))) << std::hex << pc;
    }
  }
}

TEST(RuleCache, ForgetsARange) {
  RuleCache& cache = fresh_cache();
  const Range code = code_of_libc();
  for (uintptr_t pc = code.low; pc < code.low + 4096; ++pc) cache.rule_at(pc);
  cache.forget(code.low, code.low + 2048);
  for (uintptr_t pc = code.low; pc < code.low + 4096; ++pc) {
    ASSERT_EQ(bits(cache.rule_at(pc)), bits(compute_rule(pc)));
  }
}

TEST(RuleCache, CodeThatComesAndGoesNeedsNoMoreMemory) {
  RuleCache& cache = fresh_cache();
  const Range code = code_of_libc();
  const auto load = [&] {
    for (uintptr_t pc = code.low; pc < code.low + 512; ++pc) cache.rule_at(pc);
  };
  load();
  const uint64_t before = own_private_bytes.load();
  for (int round = 0; round < 100; ++round) {
    cache.forget(code.low, code.low + 512);
    load();
  }
  EXPECT_EQ(own_private_bytes.load(), before);
}

TEST(RuleCache, ThreadsAskWhileItGrowsAndForgets) {
  RuleCache& cache = fresh_cache();
  const Range code = code_of_libc();
  constexpr uintptr_t kStep = 61;
  std::vector<std::thread> threads;
  for (uintptr_t t = 0; t < 3; ++t) {
    threads.emplace_back([&cache, code, t] {
      for (uintptr_t pc = code.low + t * kStep / 3; pc < code.high; pc += kStep) {
        EXPECT_EQ(bits(cache.rule_at(pc)), bits(compute_rule(pc)));
        EXPECT_EQ(bits(cache.rule_at(pc - kStep / 3)), bits(compute_rule(pc - kStep / 3)));
      }
    });
  }
  threads.emplace_back([&cache, code] {
    for (uintptr_t low = code.low; low < code.high; low += (code.high - code.low) / 50) {
      cache.forget(low, low + 4096);
    }
  });
  for (std::thread& t : threads) t.join();
}

}  // namespace
}  // namespace mla
