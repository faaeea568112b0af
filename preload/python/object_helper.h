// Counting Python's objects on request, by a thread of mla's own.
//
// The one thread mla ever starts, and only when someone asks (`mla py`). It waits for the
// interpreter's lock like any thread of the program, so it runs at a safe point; the tick that
// starts it runs in a thread that has Python on its stack, in the process itself (not a vfork
// child), outside the allocator. It has all signals blocked, and ends with the count.
#pragma once

#include <cstdint>

#include "python/interpreter.h"

namespace mla {

// pthread_create of this process; nullptr: it has none. Attributes are not used.
using StartThread = int (*)(unsigned long* thread, const void* attributes, void* (*run)(void*),
                            void* argument);

// Objects of this interpreter may be counted from now on. Call within a ReentryGuard.
void offer_objects(const void* object, FindSymbol find, const Interpreter& python);
// No more counts are begun.
void withdraw_objects();
// What starts and detaches the thread. Once, at the start.
void set_thread_functions(StartThread start, int (*detach)(unsigned long));

// In a forked child: the thread does not exist here.
void reset_objects_after_fork();

}  // namespace mla
