// Python stacks of the calling thread, for the recorder.
//
// * Recording them begins when an object with CPython in it is found, at start or when its code
//   first appears in a stack.
// * The first walks of a process check every pointer and every type. One that is wrong ends
//   Python stacks for this process, and the recording says so; the host goes on.
// * Afterwards: null checks, the type of each code object that is new, a bound on the depth.
// * While nothing of the process is new, a walk reads four or five words a frame.
#pragma once

#include "python/interpreter.h"

namespace mla {

struct PythonWish {
  bool late;  // its code runs already
  format::PythonMode mode;
};

// Begins to record the stacks of the CPython that `object` is or has in it, and describes it in the
// recording, which also says why if that is not possible. False, with nothing done, if there is one
// already. Call within a ReentryGuard.
bool attach_python(const void* object, FindSymbol find, const PythonWish& wish);

// Its library may be about to go: from pause to resume nothing of it is called by events that begin
// meanwhile. After forget_python() another one may be attached.
void pause_python();
void resume_python();
void forget_python();

}  // namespace mla
