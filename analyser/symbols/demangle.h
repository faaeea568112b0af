// Names as their programmers wrote them.
#pragma once

#include <string>

namespace mla {

// The C++ name with its parameters, the Rust name (legacy and v0) without its hash; any other name
// as it is. Suffixes of compiler clones (".constprop.0") are dropped: same function, same source.
std::string demangle(const std::string& name);

}  // namespace mla
