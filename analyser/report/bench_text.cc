#include "report/bench_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "report/bench_words.h"
#include "report/text_stack.h"
#include "report/units.h"
#include "report/utf8.h"

namespace mla {
namespace {

constexpr size_t kLongestName = 40;

std::string print(const char* format, double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

constexpr size_t kValue = 16;  // "123.4 MiB s" of a column, and its distance from the one before

std::string padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, columns(text)), ' ');
}

std::string right(const std::string& text, size_t width) {
  return std::string(width - std::min(width, columns(text)), ' ') + text;
}

// A relative difference in percent, with its sign: "-45.1", "+120".
std::string signed_percent(double difference) {
  const double percent = std::abs(difference) < 0.0005 ? 0 : 100 * difference;  // no "-0.0"
  return print(std::abs(percent) < 99.95 ? "%+.1f" : "%+.0f", percent);
}

std::string interval_text(const Interval& interval) {
  if (!std::isfinite(interval.low) || !std::isfinite(interval.high)) return "-";
  return signed_percent(interval.low) + " to " + signed_percent(interval.high);
}

std::string value_text(Measure measure, double value) {
  if (!std::isfinite(value)) return "-";
  if (measure == Measure::kMetric) return print(std::abs(value) < 100 ? "%.3g" : "%.0f", value);
  if (!is_memory(measure)) return human_seconds(value);
  return human_bytes(static_cast<uint64_t>(value)) + (measure == Measure::kIntegral ? " s" : "");
}

class BenchText {
 public:
  BenchText(std::ostream& out, const Benchmark& benchmark, const Comparison& comparison,
            bool colour)
      : out_(out), benchmark_(benchmark), comparison_(comparison), style_(colour) {
    order_.resize(benchmark.configurations.size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [this](size_t a, size_t b) { return memory_of(a) < memory_of(b); });
    for (size_t i : order_) name_width_ = std::max(name_width_, columns(name_of(i)));
  }

  void write() {
    write_header();
    const bool any =
        std::any_of(order_.begin(), order_.end(), [this](size_t i) { return has_figures(i); });
    if (any) {
      write_judged();
      write_medians();
    }
    write_list("without figures", problems());
    write_list("could not be run", benchmark_.missing);
    write_list("notes", benchmark_.notes);
    write_advice();
  }

 private:
  const Judged& judged(size_t i) const { return comparison_.configurations[i]; }
  Measure memory() const { return benchmark_.judged_memory; }
  Measure time() const { return benchmark_.judged_time; }

  double memory_of(size_t i) const {
    const double value = judged(i).of(memory()).median;
    return std::isfinite(value) ? value : INFINITY;
  }
  bool has_figures(size_t i) const { return std::isfinite(memory_of(i)); }

  std::string name_of(size_t i) const {
    return cut_right(printable(benchmark_.configurations[i].name), kLongestName);
  }

  void write_header() {
    out_ << style_.bold() << shell_words(benchmark_.command) << style_.off() << '\n'
         << counted(benchmark_.rounds_begun, "round") << " of "
         << counted(benchmark_.configurations.size(), "configuration")
         << ", order shuffled by seed " << benchmark_.seed
         << "; memory of all its processes together\n";
    if (benchmark_.interrupted) out_ << "interrupted: these are the runs that were finished\n";
  }

  // "-45.1" and "-48.0 to -41.2", in colour where it counts.
  void difference_cells(const std::optional<Difference>& difference, Verdict verdict) {
    const char* colour = verdict == Verdict::kBetter  ? style_.good()
                         : verdict == Verdict::kWorse ? style_.bad()
                                                      : "";
    out_ << colour << right(difference ? signed_percent(difference->median) : "", 8)
         << right(difference ? interval_text(difference->bootstrap) : "", 17)
         << (*colour == '\0' ? "" : style_.off());
  }

  std::string verdict_text(size_t i) const {
    if (i == 0) return "baseline";
    const Judged& one = judged(i);
    if (one.memory == Verdict::kNone) return "";
    if (one.memory == Verdict::kTooFewRounds) return "too few rounds";
    std::string text = one.memory == Verdict::kBetter  ? "less"
                       : one.memory == Verdict::kWorse ? "more"
                                                       : "";
    const bool metric = time() == Measure::kMetric;
    const char* time_text = one.time == Verdict::kBetter  ? (metric ? "better" : "faster")
                            : one.time == Verdict::kWorse ? (metric ? "worse" : "slower")
                                                          : "";
    if (*time_text != '\0') text += (text.empty() ? "" : ", ") + std::string(time_text);
    if (!text.empty()) return text;
    const bool within = one.memory == Verdict::kNoDifference && one.time != Verdict::kNotShown;
    return within ? "no difference" : "no difference shown";
  }

  void write_judged() {
    const std::string of_memory = measure_name(memory());
    const std::string of_time = measure_name(time());
    out_ << "\n  " << style_.dim() << padded("", name_width_) << right(of_memory, kValue)
         << right("%", 8) << right("95 % interval", 17) << right(of_time, kValue) << right("%", 8)
         << right("95 % interval", 17) << style_.off() << '\n';
    bool front = false;
    for (const size_t i : order_) {
      if (!has_figures(i)) continue;
      const Judged& one = judged(i);
      front = front || one.pareto;
      out_ << (one.pareto ? "* " : "  ") << padded(name_of(i), name_width_)
           << right(value_text(memory(), one.of(memory()).median), kValue);
      difference_cells(one.of(memory()).difference, one.memory);
      out_ << right(value_text(time(), one.of(time()).median), kValue);
      difference_cells(one.of(time()).difference, one.time);
      out_ << "  " << verdict_text(i) << '\n';
    }
    if (front) {
      out_ << style_.dim() << "  * no other has both less " << of_memory << " memory and better "
           << of_time << style_.off() << '\n';
    }
  }

  void write_medians() {
    std::vector<Measure> measured;
    for (size_t m = 0; m < kMeasureCount; ++m) {
      const auto measure = static_cast<Measure>(m);
      const bool any = std::any_of(order_.begin(), order_.end(), [&](size_t i) {
        return std::isfinite(judged(i).of(measure).median);
      });
      if (any) measured.push_back(measure);
    }
    if (measured.empty()) return;
    out_ << "\n  " << style_.dim() << padded("medians", name_width_);
    for (const Measure measure : measured) out_ << right(measure_name(measure), 13);
    out_ << style_.off() << '\n';
    for (const size_t i : order_) {
      if (!has_figures(i)) continue;
      out_ << "  " << padded(name_of(i), name_width_);
      for (const Measure measure : measured) {
        out_ << right(value_text(measure, judged(i).of(measure).median), 13);
      }
      out_ << '\n';
    }
  }

  std::vector<std::string> problems() const {
    std::vector<std::string> all;
    for (const BenchConfiguration& configuration : benchmark_.configurations) {
      if (configuration.problem.empty()) continue;
      all.push_back(configuration.name + ": " + configuration.problem);
    }
    return all;
  }

  void write_list(const char* title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    out_ << '\n' << style_.warn() << title << style_.off() << '\n';
    for (const std::string& line : lines) out_ << "  " << printable(line) << '\n';
  }

  // "45.1 % (38.0 to 50.2 %)" of a difference told without its sign.
  std::string gain_text(const Difference& difference) const {
    const bool less = difference.median < 0;
    const double low = less ? -difference.adjusted.high : difference.adjusted.low;
    const double high = less ? -difference.adjusted.low : difference.adjusted.high;
    return print("%.1f", 100 * std::abs(difference.median)) + " % (95 % interval " +
           print("%.1f", 100 * low) + " to " + print("%.1f", 100 * high) + " %)";
  }

  std::string change_text(Measure measure, size_t i) const {
    const std::optional<Difference>& difference = judged(i).of(measure).difference;
    if (!difference) return measure_title(measure) + ": not measured";
    return measure_title(measure) + " " + signed_percent(difference->median) + " % (" +
           interval_text(difference->adjusted) + " %)";
  }

  std::string from_to(Measure measure, size_t i) const {
    return value_text(measure, judged(0).of(measure).median) + " to " +
           value_text(measure, judged(i).of(measure).median);
  }

  void write_advice() {
    out_ << '\n';
    if (comparison_.recommended) {
      const bool memory_gained = comparison_.gain == Gain::kMemory;
      write_gain(*comparison_.recommended, memory_gained ? memory() : time(),
                 memory_gained ? time() : memory());
    } else {
      out_ << no_recommendation(benchmark_, comparison_);
    }
    if (!comparison_.trade_offs.empty()) {
      out_ << "For more than --max-cost " << print("%g", 100 * benchmark_.max_cost) << " % of "
           << measure_title(time()) << ":\n\n";
    }
    for (const size_t i : comparison_.trade_offs) write_gain(i, memory(), time());
    if (comparison_.recommended || !comparison_.trade_offs.empty()) {
      out_ << "The intervals here allow for all " << comparison_.comparisons << " comparisons.\n";
    }
  }

  void write_gain(size_t i, Measure gained, Measure paid) {
    const Difference& difference = *judged(i).of(gained).difference;
    const bool less = difference.median < 0;
    out_ << style_.good() << name_of(i) << style_.off() << (less ? " saves " : " gains ")
         << gain_text(difference) << (less ? " of the " : " of ") << measure_title(gained) << ", "
         << from_to(gained, i) << ";\nit costs: " << change_text(paid, i) << ".\n\n  "
         << style_.bold() << command_line_of(benchmark_, i) << style_.off() << "\n\n";
  }

  std::ostream& out_;
  const Benchmark& benchmark_;
  const Comparison& comparison_;
  Style style_;
  std::vector<size_t> order_;  // least memory first
  size_t name_width_ = 0;
};

}  // namespace

void write_bench_text(std::ostream& out, const Benchmark& benchmark, const Comparison& comparison,
                      bool colour) {
  BenchText(out, benchmark, comparison, colour).write();
}

}  // namespace mla
