// The stack of a call site: the native one, with the frames of Python where they ran.
//
// A call of CPython's evaluation loop is one native frame and runs a group of Python frames: one
// until 3.10, since then also those that Python calls from Python. The groups of the Python stack
// and the loop's frames in the native stack are paired, innermost first, and each frame of the
// loop is replaced by its group.
#pragma once

#include <string>
#include <vector>

#include "symbols/frame.h"

namespace mla {

enum class PythonPart {
  kNone,        // no Python stack was recorded
  kMerged,      // every call of the loop was replaced
  kIncomplete,  // inner ones were; outer ones run another interpreter, or one stack was cut short
  kObject,      // of an object of Python: it follows the innermost native frame, the only one
  kSeparate,    // there are more groups than calls: the Python stack follows the native one
};

struct SiteStack {
  std::vector<const Frame*> frames;  // leaf first
  PythonPart python = PythonPart::kNone;
  std::string interpreter;  // path of the module with the evaluation loop; empty: none was seen
};

// "merged", "incomplete", "object", "separate"; empty for kNone.
std::string python_part_name(PythonPart part);

// What is left of a stack when its reader thinks in Python: without the interpreter's own C
// frames, and without what lies further out than Python. Other stacks stay as they are.
std::vector<const Frame*> without_interpreter(const SiteStack& stack);

}  // namespace mla
