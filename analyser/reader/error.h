// The one error of the analyser and the tools: thrown anywhere, caught once in main.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace mla {

// A line a person can act on: what it is about (a file, an option, a pid), why it failed, and what
// to do. Control characters are replaced, so that the message is always one line.
class Error : public std::runtime_error {
 public:
  Error(std::string subject, std::string why, std::string what_to_do)
      : std::runtime_error(one_line(subject + ": " + why + ": " + what_to_do)),
        subject_(std::move(subject)),
        why_(std::move(why)),
        what_to_do_(std::move(what_to_do)) {}

  const std::string& subject() const { return subject_; }
  const std::string& why() const { return why_; }
  const std::string& what_to_do() const { return what_to_do_; }

 private:
  static std::string one_line(std::string text) {
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return text;
  }

  std::string subject_;
  std::string why_;
  std::string what_to_do_;
};

}  // namespace mla
