// The MLA_* environment variables, read once at start.
#pragma once

#include <cstdint>

#include "format/format.h"

namespace mla {

struct Settings {
  const char* directory = nullptr;  // MLA_DIR
  const char* allocator = nullptr;  // MLA_ALLOCATOR
  bool follow = true;               // MLA_FOLLOW=0: do not record programs this one executes
  bool reference_unwinder = false;  // MLA_UNWIND=libunwind
  // MLA_SAMPLE=BYTES or off; as SegmentHeader::sampling_interval
  uint64_t sample_interval = format::kExactInterval;
  uint64_t finest_interval = 0;   // the budget makes it no finer
  uint32_t budget_ppm = 0;        // MLA_BUDGET=PERCENT of CPU time for samples; 0: none
  uint64_t trim_interval_ns = 0;  // MLA_TRIM_INTERVAL=DURATION between two trims; 0: none
  // MLA_PYTHON=off, frames or objects. kNone: off.
  format::PythonMode python = format::PythonMode::kFrames;
  uint32_t unwind_check = 0;  // MLA_UNWIND_CHECK=N: compare one capture in N; 0: none
};

// Value of a variable in a NULL-terminated environment, or nullptr.
const char* find_variable(char** environment, const char* name);

// Reads the settings. What cannot be understood is ignored and explained in `complaint` (capacity
// bytes, one line each, cut if too long).
Settings read_settings(char** environment, char* complaint, uint64_t capacity);

// "NAME=value\n" of every MLA_* variable; the length.
uint64_t write_settings(char** environment, char* to, uint64_t capacity);

// Whether one of the colon- or blank-separated entries of an LD_PRELOAD value is libmla.so.
bool preloads_mla(const char* ld_preload, uint64_t length);

}  // namespace mla
