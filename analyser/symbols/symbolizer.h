// From the addresses of a recording to names and lines.
//
// Works from the files on disk alone, so also after the process is gone and for libraries it had
// unloaded. A file is believed only if its build-id is the recorded one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "reader/distinct.h"
#include "reader/snapshot.h"
#include "symbols/frame.h"
#include "symbols/site_stack.h"
#include "symbols/symbol_batch.h"

namespace mla {

struct SymbolOptions {
  // Searched before /usr/lib/debug for .build-id/xx/yyyy.debug.
  std::vector<std::string> debug_directories = {};
  unsigned threads = 0;               // at most; 0: as many as there are processors, up to 8
  SymbolProgress progress = nullptr;  // told how far it is; may be null
};

class ModuleSymbols;

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
  // Symbolises the stacks of all sites that `wanted` says, by several threads where they are many.
  // Never needed: what was not prepared is found when it is asked for.
  void prepare(const std::function<bool(const Site&)>& wanted);

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
  struct Code {
    uint32_t module;
    uint64_t asked;
    uint64_t hash() const { return hash_of(asked, module); }
    bool operator==(const Code&) const = default;
  };
  struct CodeHash {
    size_t operator()(const Code& code) const { return code.hash(); }
  };

  // What frames_of(node) looks up: of a return address the instruction before it.
  Code code_of(const StackNode& at) const;
  std::vector<Frame> frames_at(const Code& code, uint64_t pc);
  void warn(uint32_t module, const std::string& warning);
  const std::vector<Frame>& python_frames_of(const StackNode& at);

  const Snapshot& snapshot_;
  SymbolOptions options_;
  std::vector<std::unique_ptr<ModuleSymbols>> modules_;  // those that were asked for one by one
  std::vector<bool> warned_;                             // by module
  // Many nodes are one address under different callers.
  std::unordered_map<Code, std::vector<Frame>, CodeHash> frames_;
  std::map<std::pair<uint32_t, uint64_t>, std::vector<Frame>> python_frames_;  // (code, offset)
  std::vector<const std::vector<Frame>*> of_node_;
  std::vector<std::string> warnings_;
};

}  // namespace mla
