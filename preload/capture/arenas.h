// The arenas of CPython's allocator for objects of up to 512 bytes: address ranges that the ledger
// counts apart.
#pragma once

#include <cstdint>

#include "capture/mappings.h"
#include "capture/thread_local.h"

namespace mla {

// By address; of no site.
extern MappingTable arena_table;

void note_arena(uintptr_t start, uint64_t bytes);
// Before it is given back.
void forget_arena(uintptr_t start, uint64_t bytes);

// Bytes of address space in arenas. As of some moment of late.
uint64_t arena_bytes();
// In a forked child.
void reset_arenas_after_fork();

// What the hooks see meanwhile in this thread is forwarded, and is no loss.
class UnrecordedScope {
 public:
  UnrecordedScope() : outer_(thread_local_state.calling_out) {
    thread_local_state.calling_out = true;
  }
  ~UnrecordedScope() { thread_local_state.calling_out = outer_; }
  UnrecordedScope(const UnrecordedScope&) = delete;
  UnrecordedScope& operator=(const UnrecordedScope&) = delete;

 private:
  ReentryGuard guard_;
  bool outer_;
};

}  // namespace mla
