// From the addresses of a recording to names and lines.
//
// Works from the files on disk alone, so also after the process is gone and for libraries it had
// unloaded. A file is believed only if its build-id is the recorded one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "reader/snapshot.h"
#include "symbols/frame.h"
#include "symbols/site_stack.h"

namespace mla {

struct SymbolOptions {
  // Searched before /usr/lib/debug for .build-id/xx/yyyy.debug.
  std::vector<std::string> debug_directories;
};

class Symbolizer {
 public:
  // Keeps a reference: the snapshot must outlive it.
  explicit Symbolizer(const Snapshot& snapshot, SymbolOptions options = {});
  ~Symbolizer();
  Symbolizer(const Symbolizer&) = delete;
  Symbolizer& operator=(const Symbolizer&) = delete;

  // Takes over the files that `before` has opened for an earlier snapshot of the same recording:
  // reading one again takes from milliseconds to seconds. `before` is of no use afterwards.
  void take_files_of(Symbolizer& before);

  // The frames of one node, innermost inlined function first, the function itself last. At least
  // one; its function is empty if no name is known. A mark of the unwinder is one frame of no
  // module. A frame of Python has a file, a line and no module. None for the root. The reference
  // holds as long as the object.
  const std::vector<Frame>& frames_of(uint32_t node);

  // The whole native stack, leaf first.
  std::vector<const Frame*> stack_of(uint32_t leaf);
  // The native stack with the frames of Python in it.
  SiteStack stack_of(const Site& site);

  // Why names are missing, one line for each module that was asked for and could not be read.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  class Module;
  Module& module(uint32_t index);
  const std::vector<Frame>& python_frames_of(const StackNode& at);

  const Snapshot& snapshot_;
  std::vector<std::string> directories_;
  std::vector<std::unique_ptr<Module>> modules_;
  // Many nodes are one address under different callers: (module, address asked for).
  std::map<std::pair<uint32_t, uint64_t>, std::vector<Frame>> frames_;
  std::map<std::pair<uint32_t, uint64_t>, std::vector<Frame>> python_frames_;  // (code, offset)
  std::vector<const std::vector<Frame>*> of_node_;
  std::vector<std::string> warnings_;
};

}  // namespace mla
