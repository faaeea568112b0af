// The memory of another process, living or dumped, by pages.
//
// Each page is read once and kept: what was read while the process stood still stays as it was.
// Nothing in it can be trusted. Units: bytes, addresses of the process.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace mla {

class ProcessMemory {
 public:
  static constexpr uint64_t kPageBytes = 4096;

  ProcessMemory() = default;
  virtual ~ProcessMemory() = default;
  ProcessMemory(const ProcessMemory&) = delete;
  ProcessMemory& operator=(const ProcessMemory&) = delete;

  // False if any of it cannot be read.
  bool read(uint64_t address, void* to, uint64_t bytes);
  template <class T>
  bool load(uint64_t address, T& value) {
    return read(address, &value, sizeof value);
  }

 protected:
  using Page = std::array<std::byte, kPageBytes>;

  // Reads the page that begins at `address`.
  virtual bool fetch(uint64_t address, Page& page) = 0;
  void keep(uint64_t address, const std::byte* page);
  void forget() { pages_.clear(); }

 private:
  const Page* page_at(uint64_t address);

  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages_;  // null: cannot be read
};

}  // namespace mla
