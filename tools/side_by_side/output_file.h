// Where a command's output goes while it is measured.
#pragma once

#include <optional>
#include <regex>
#include <string>

namespace mla {

// A file without a name: gone when this process is, however it ends.
class OutputFile {
 public:
  OutputFile();  // in $TMPDIR or /tmp; throws Error
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  int descriptor() const { return fd_; }

  std::string last_line() const;  // that is not blank; at most 200 bytes of it
  // The number in the last line the expression matches: its first group, else the whole match.
  std::optional<double> number(const std::regex& expression) const;
  std::string line_with(const std::string& text) const;  // the last; empty: none

 private:
  template <class Function>
  void for_each_line(Function function) const;
  int fd_ = -1;
};

}  // namespace mla
