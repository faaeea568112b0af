// Where a command writes what it was asked for: standard output or a file. Unlike std::cout it
// knows the errno of a failed write.
#pragma once

#include <array>
#include <functional>
#include <ostream>
#include <streambuf>
#include <string>
#include <utility>

namespace mla {

// The reader of standard output went away (mla report | head): no error to speak of.
class BrokenPipe {};

class Output : private std::streambuf {
 public:
  Output();                                  // standard output
  explicit Output(const std::string& path);  // creates or overwrites a file; throws Error
  ~Output() override;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  std::ostream& stream() { return stream_; }
  bool is_terminal() const;
  // Called before anything is written to a terminal, where a line of progress may stand.
  void before_writing(std::function<void()> call) { before_writing_ = std::move(call); }

  // Writes out what is buffered. Throws Error when anything could not be written (full file
  // system, closed standard output), BrokenPipe for a pipe without a reader.
  void finish();
  // After finish() threw: what comes next is tried again.
  void forget_failure();

 private:
  int_type overflow(int_type c) override;
  int sync() override;
  bool write_out();

  int fd_;
  std::string name_;
  int error_ = 0;  // errno of the first failed write
  std::function<void()> before_writing_;
  std::array<char, 65536> buffer_;
  std::ostream stream_;
};

}  // namespace mla
