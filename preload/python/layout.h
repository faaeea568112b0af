// Where this version of CPython keeps what a stack is read from.
#pragma once

#include "format/python_layout.h"

namespace mla {

using format::find_python_layout;
using format::kShimOwner;
using format::PythonLayout;

}  // namespace mla
