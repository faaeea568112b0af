// Why the history cannot be read or written, and whether that may pass.
#pragma once

#include "reader/error.h"

namespace mla {

// `passing`: locked, disk full, a file system that fails: worth another try later. Not so a file
// that is no history, is damaged, or may not be written.
class HistoryError : public Error {
 public:
  HistoryError(const std::string& file, const std::string& why, const std::string& what_to_do,
               bool passing)
      : Error(file, why, what_to_do), passing_(passing) {}

  bool passing() const { return passing_; }

 private:
  bool passing_;
};

}  // namespace mla
