#include "report/bench_words.h"

#include "report/utf8.h"

namespace mla {
namespace {

std::string shell_quoted(const std::string& word) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string("_-+=./,:@%^").find(c) != std::string::npos;
  };
  bool plain = !word.empty();
  for (const char c : word) plain = plain && is_plain(c);
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNone:
      break;
    case Verdict::kTooFewRounds:
      return "too_few_rounds";
    case Verdict::kBetter:
      return "better";
    case Verdict::kWorse:
      return "worse";
    case Verdict::kNoDifference:
      return "no_difference";
    case Verdict::kNotShown:
      return "no_difference_shown";
  }
  return "none";
}

std::string shell_words(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + shell_quoted(word);
  return printable(line);
}

std::string command_line_of(const Benchmark& benchmark, size_t configuration) {
  std::string line;
  for (const std::string& variable : benchmark.configurations[configuration].environment) {
    const size_t value = variable.find('=') + 1;
    const std::string quoted = variable.size() > value ? shell_quoted(variable.substr(value)) : "";
    line += variable.substr(0, value) + quoted + " ";
  }
  return printable(line) + shell_words(benchmark.command);
}

}  // namespace mla
