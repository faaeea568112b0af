// Finding CPython among the loaded objects, at start and when a program that embeds it loads it
// later, and letting go of it before it may be unloaded.
#pragma once

namespace mla {

struct Settings;

// In the constructor, within a ReentryGuard.
void find_python(const Settings& settings);

// Around a dlclose: while it lasts no code of a Python that was loaded late is called.
class PythonUnloadScope {
 public:
  PythonUnloadScope();
  ~PythonUnloadScope();
  PythonUnloadScope(const PythonUnloadScope&) = delete;
  PythonUnloadScope& operator=(const PythonUnloadScope&) = delete;
};

}  // namespace mla
