#include "report/bench_words.h"

#include <array>
#include <cstdio>

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

std::string measure_title(Measure measure) {
  switch (measure) {
    case Measure::kPeak:
      return "peak memory";
    case Measure::kSteady:
      return "memory at the end of the load";
    case Measure::kIdle:
      return "memory after the idle time";
    case Measure::kIntegral:
      return "memory over time";
    case Measure::kCpu:
      return "CPU time";
    case Measure::kWall:
      return "wall time";
    case Measure::kMetric:
      break;
  }
  return "metric";
}

std::string no_recommendation(const Benchmark& benchmark, const Comparison& comparison) {
  size_t compared = 0;
  size_t open = 0;
  size_t too_few = 0;
  for (size_t i = 1; i < comparison.configurations.size(); ++i) {
    const Judged& one = comparison.configurations[i];
    compared += one.memory != Verdict::kNone ? 1 : 0;
    too_few += one.memory == Verdict::kTooFewRounds ? 1 : 0;
    open += one.memory == Verdict::kNotShown || one.time == Verdict::kNotShown ? 1 : 0;
  }
  if (compared == 0) return "Nothing to compare.\n";
  if (too_few == compared) {
    return "Nothing is decided by fewer than " + std::to_string(kLeastRounds) + " rounds.\n";
  }
  if (!comparison.trade_offs.empty()) return "";
  std::array<char, 32> margin{};
  std::snprintf(margin.data(), margin.size(), "%g", 100 * benchmark.margin);
  std::string text = "No configuration is shown to gain more than ";
  text.append(margin.data()).append(" % of ").append(measure_title(benchmark.judged_memory));
  text.append(" or ").append(measure_title(benchmark.judged_time)).append(".\n");
  if (open != 0) {
    text += "For " + std::to_string(open) + " of " + std::to_string(compared) +
            " a larger difference is possible still: more --rounds would tell.\n";
  }
  return text;
}

}  // namespace mla
