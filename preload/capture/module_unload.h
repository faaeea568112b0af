// What is known about code that is no longer there.
#pragma once

namespace mla {

// Marks unloaded modules in the log and drops rules and stack nodes of their addresses, which the
// next library to be loaded may get. Call after a dlclose; also done at ticks, for libraries that
// libc closes without the hook seeing it.
void drop_unloaded_modules();

}  // namespace mla
