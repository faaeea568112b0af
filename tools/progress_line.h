// What a long command is at, on the terminal of standard error.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "symbols/symbol_batch.h"

namespace mla {

// One line that is overwritten, from a second after the object was made, and removed when it goes.
// Nothing where standard error is no terminal, or one that cannot (TERM=dumb). Has no colours.
class ProgressLine {
 public:
  explicit ProgressLine(std::string at_first);  // what it is at: "reading big.mla"
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // To be called with the state of symbols.
  SymbolProgress symbols();
  // Removes the line for good: something else is to be written there.
  void end();

 private:
  void run();
  std::string text() const;
  void draw();

  std::string at_first_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
  std::string drawn_;  // what stands there
  bool ended_ = false;
  std::mutex mutex_;  // of all of the above
  std::condition_variable end_;
  std::thread thread_;
};

}  // namespace mla
