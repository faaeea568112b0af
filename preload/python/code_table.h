// Code objects of Python, each copied into the segment once: names, first line, line table.
//
// * An id is one of contents, not of an object: a function that is compiled anew for each request
//   stays one function.
// * Code objects die, and others take their addresses: programs that compile in a loop get the same
//   addresses for all parts of it. So deaths are counted, by address, in the type's tp_dealloc,
//   which then does what it always did. An object that was seen at an address, with as many deaths
//   there as now, is the same one. Rejected: to compare what a code object holds, which costs twice
//   as much as the rest of the walk and still takes one for another [measured].
// * From address and deaths to the id leads a cache of fixed size, one word an entry, shared by all
//   threads without a lock; what it lost is looked up by contents again.
#pragma once

#include <atomic>
#include <cstdint>

#include "format/format.h"
#include "python/layout.h"

namespace mla {

// The types of the objects a code object consists of.
struct PythonTypes {
  uintptr_t code;
  uintptr_t text;   // str
  uintptr_t bytes;  // of line tables
};

// Before use; from now on deaths are counted. False if there is no memory.
bool open_code_table(const PythonLayout& layout, const PythonTypes& types);

inline constexpr uint32_t kTypeAt = 8;   // PyObject::ob_type
inline constexpr uint32_t kSizeAt = 16;  // PyVarObject::ob_size

// Counts of code objects that died: all, and by address (of some addresses together).
class CodeDeaths {
 public:
  uint32_t all() const { return all_.load(std::memory_order_relaxed); }
  uint32_t at(uintptr_t address) const {
    return by_address_[place(address)].load(std::memory_order_relaxed);
  }
  void count(uintptr_t address) {
    by_address_[place(address)].fetch_add(1, std::memory_order_relaxed);
    all_.fetch_add(1, std::memory_order_relaxed);
  }

 private:
  static constexpr uint32_t kBits = 10;
  static uint64_t place(uintptr_t address) {
    return (address * 0x9e3779b97f4a7c15ULL) >> (64 - kBits);
  }
  std::atomic<uint32_t> all_;
  std::atomic<uint32_t> by_address_[1U << kBits];
};
extern CodeDeaths code_deaths;

// Of code that is no function of the program: frames the interpreter puts between two of them.
inline constexpr format::PythonCodeId kInternalCode{format::kPcPythonCodeMask};

// The id of the code object at `address`, copied if it is new. kNone when there is no room, or when
// it is not what it should be.
format::PythonCodeId code_id_of(uintptr_t address, uint32_t deaths);

// In a forked child, see IdIndex.
void reset_code_table_after_fork();

}  // namespace mla
