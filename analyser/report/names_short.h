// Function names that fit, and which frames of a stack are the allocator's and not the caller's.
#pragma once

#include <string>

#include "symbols/frame.h"

namespace mla {

// At most `width` columns: parameters become "(…)", then template arguments "<…>", then it is cut.
std::string short_function(const std::string& function, size_t width);

// malloc, operator new, std::allocator and the like: where every allocation passes, so that the
// frame below it is the one to look at.
bool is_allocation_plumbing(const Frame& frame);

// A frame of libmla.so itself.
bool is_own_frame(const Frame& frame);

}  // namespace mla
