#include "stacks/memory.h"

#include <algorithm>
#include <cstring>

namespace mla {

const ProcessMemory::Page* ProcessMemory::page_at(uint64_t address) {
  const auto [entry, added] = pages_.try_emplace(address);
  if (added) {
    auto page = std::make_unique<Page>();
    if (fetch(address, *page)) entry->second = std::move(page);
  }
  return entry->second.get();
}

void ProcessMemory::keep(uint64_t address, const std::byte* page) {
  std::unique_ptr<Page>& kept = pages_[address];
  if (!kept) kept = std::make_unique<Page>();
  std::memcpy(kept->data(), page, kPageBytes);
}

bool ProcessMemory::read(uint64_t address, void* to, uint64_t bytes) {
  auto* at = static_cast<std::byte*>(to);
  if (bytes > UINT64_MAX - address) return false;
  while (bytes > 0) {
    const uint64_t in_page = address % kPageBytes;
    const uint64_t piece = std::min(bytes, kPageBytes - in_page);
    const Page* page = page_at(address - in_page);
    if (page == nullptr) return false;
    std::memcpy(at, page->data() + in_page, piece);
    at += piece;
    address += piece;
    bytes -= piece;
  }
  return true;
}

}  // namespace mla
