#include "notify/secret.h"

#include <fstream>

#include "reader/error.h"

namespace mla {

std::string or_first_line(const std::string& text, const std::string& option) {
  if (!text.starts_with('@')) return text;
  const std::string path = text.substr(1);
  std::ifstream in(path);
  std::string line;
  if (!in || !std::getline(in, line)) {
    throw Error(path, "cannot be read",
                "give " + option + " a file whose first line is the target");
  }
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return line;
}

}  // namespace mla
