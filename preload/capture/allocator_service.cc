#include "capture/allocator_service.h"

#include <errno.h>

#include "capture/thread_local.h"
#include "segment/segment.h"
#include "segment/sys.h"

namespace mla {

constinit AllocatorService allocator_service{};

namespace {

bool libc_forked;         // the allocators' fork handlers ran in this process
bool locks_sound = true;  // no lock of the allocator can have been left by a thread that is gone

}  // namespace

bool may_ask_allocator() {
  const ThreadLocal& local = thread_local_state;
  return locks_sound && !local.in_allocator && !local.ended &&
         sys::getpid() == segment.header().pid;  // else a vfork child, in its parent's memory
}

AllocatorQuestion::AllocatorQuestion() : errno_(errno) { thread_local_state.calling_out = true; }

AllocatorQuestion::~AllocatorQuestion() {
  thread_local_state.calling_out = false;
  errno = errno_;
}

// fork() takes the allocator's locks itself, and a handler of the host may run before it has given
// them back.
void begin_libc_fork() { thread_local_state.in_allocator = true; }

void end_libc_fork(bool in_child) {
  thread_local_state.in_allocator = false;
  if (in_child) libc_forked = true;
}

bool may_ever_ask_allocator() { return locks_sound; }

void reset_allocator_service_after_fork() {
  locks_sound = locks_sound && libc_forked;
  libc_forked = false;
}

}  // namespace mla
