// A profile as `go tool pprof`, Pyroscope and Parca read it: Profile of
// https://github.com/google/pprof/blob/main/proto/profile.proto, encoded with protozero.
//
// * Sample types are those of Go's heap profiles: alloc_objects/count, alloc_space/bytes,
//   inuse_objects/count, inuse_space/bytes. Underscores: Pyroscope refuses a dash.
// * Values are scaled already; the period (bytes between two samples; 1: exact) says so only.
// * The first mapping is the program itself. Inlined functions are lines of the location of the
//   function they were compiled into; a frame of Python is a location without an address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "report/stack_values.h"

namespace mla {

struct PprofLimits {  // 0: none
  size_t bytes = 0;   // of the profile, not compressed
  size_t samples = 0;
  size_t frames = 0;  // of a stack
};

struct PprofOptions {
  // What is shown unless asked otherwise. The peak (peak_objects, peak_space) and the growth
  // (growth_space) are then sample types of their own, behind the four.
  StackValue value = StackValue::kLive;
  bool native = false;        // with the C frames of Python's interpreter
  uint64_t time_unix_ns = 0;  // the moment it is of
  PprofLimits limits;
};

struct Pprof {
  std::string bytes;  // not compressed
  size_t samples = 0;
  // To keep the limits the stacks with the smallest share of what is alive or was allocated were
  // put together into "[other call sites]": so many, with so many bytes alive.
  size_t other_stacks = 0;
  uint64_t other_live_bytes = 0;
  size_t cut_stacks = 0;  // lost their outermost frames
};

// When the recording was last written to, in Unix time; of a living process use the present.
uint64_t last_unix_ns(const Snapshot& snapshot);

// Throws Error when even a single sample breaks the limit of bytes.
Pprof make_pprof(const Snapshot& snapshot, Symbolizer& symbolizer, const PprofOptions& options);

}  // namespace mla
