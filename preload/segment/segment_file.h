// Where a recording goes and what its header says of the process.
#pragma once

#include "segment/settings.h"

namespace mla {

// A file is made by whichever thread has the event that is worth it, perhaps in a signal handler
// with a stack of 8 KiB: what follows takes little of it, and is called by one thread at a time.

// Fills the identity fields of the segment's header from /proc and the kernel. What cannot be read
// stays empty.
void describe_process();

// Stores the MLA_* variables: at start, before the program writes over its environment.
void store_settings(char** environment);

// Moves the segment to a new file mla-<program>-<pid>-<start>.mla in the first of these directories
// that takes it: MLA_DIR (made if missing); /dev/shm/mla-<uid> when /dev/shm has 16 MiB to spare;
// /tmp/mla-<uid>. The latter two are made with mode 0700 and refused if another user owns them.
// 0, or the -errno of the last attempt; a directory that failed is named in the header's note.
int create_segment_file(const Settings& settings);

// This process may have executed one program after another (env, then python): recordings of the
// same process before this one are marked as replaced, or removed when they hold fewer than
// `allocations` and lasted less than `age_ns`. Looks only into the directory of this recording.
void mark_replaced_recordings(uint64_t allocations, uint64_t age_ns);

// Appends a line to the header's note.
void add_note(const char* line);

// Whether the parent process was started with libmla.so in its LD_PRELOAD.
bool parent_is_preloaded(uint32_t parent_pid);

// RSS and its anonymous part, in bytes; 0 when /proc cannot be read.
struct ResidentMemory {
  uint64_t rss = 0;
  uint64_t anonymous = 0;
};
ResidentMemory read_resident_memory();

}  // namespace mla
