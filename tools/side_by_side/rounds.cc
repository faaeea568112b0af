#include "side_by_side/rounds.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <numeric>
#include <random>

#include "comparison/compare.h"
#include "report/units.h"
#include "report/utf8.h"
#include "side_by_side/interruption.h"

namespace mla {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One line on a terminal, for the time of a run.
class Progress {
 public:
  explicit Progress(bool wanted) : wanted_(wanted) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const std::string& text) {
    if (!wanted_) return;
    shown_ = true;
    std::cerr << "\r\033[Kmla: " << cut_right(text, 78) << std::flush;
  }
  void clear() {
    if (shown_) std::cerr << "\r\033[K" << std::flush;
    shown_ = false;
  }

 private:
  bool wanted_;
  bool shown_ = false;
};

class Rounds {
 public:
  Rounds(const TrialSettings& settings, const std::vector<Configuration>& configurations,
         bool show_progress, Benchmark& benchmark)
      : settings_(settings),
        configurations_(configurations),
        benchmark_(benchmark),
        progress_(show_progress),
        seconds_(configurations.size(), 0) {}

  void run() {
    std::mt19937_64 random(benchmark_.seed);
    for (size_t round = 0; round < benchmark_.rounds_asked; ++round) {
      std::vector<size_t> order(configurations_.size());
      std::iota(order.begin(), order.end(), size_t{0});
      for (size_t i = order.size(); i > 1; --i) {  // Fisher and Yates, the same on every system
        std::swap(order[i - 1], order[(random() >> 32) * i >> 32]);
      }
      // Without the baseline an interrupted first round would show nothing.
      if (round == 0) std::iter_swap(order.begin(), std::find(order.begin(), order.end(), 0U));
      std::erase_if(order, [this](size_t i) { return is_out(i); });
      // A baseline alone has nothing to be compared with.
      if (order.empty() || (order.size() == 1 && order[0] == 0 && configurations_.size() > 1)) {
        return;
      }
      benchmark_.rounds_begun = round + 1;
      for (size_t at = 0; at < order.size(); ++at) run_one(round, order, at);
      if (round + 1 >= kLeastRounds && intervals_are_tight(benchmark_)) return;
    }
  }

 private:
  bool is_out(size_t i) const { return !benchmark_.configurations[i].problem.empty(); }

  // A configuration not run yet is taken to last as long as those that were, on average.
  double seconds_left(size_t round, const std::vector<size_t>& order, size_t at) const {
    double sum = 0;
    size_t known = 0;
    for (const double seconds : seconds_) {
      sum += seconds;
      known += seconds > 0 ? 1 : 0;
    }
    if (known == 0) return 0;
    const auto expected = [&](size_t i) {
      return seconds_[i] > 0 ? seconds_[i] : sum / static_cast<double>(known);
    };
    double left = 0;
    for (size_t i = at; i < order.size(); ++i) left += expected(order[i]);
    double whole_round = 0;
    for (const size_t i : order) whole_round += expected(i);
    return left + whole_round * static_cast<double>(benchmark_.rounds_asked - round - 1);
  }

  void run_one(size_t round, const std::vector<size_t>& order, size_t at) {
    const size_t i = order[at];
    const double left = seconds_left(round, order, at);
    const std::string where = "round " + std::to_string(round + 1) + " of " +
                              std::to_string(benchmark_.rounds_asked) + ", run " +
                              std::to_string(at + 1) + " of " + std::to_string(order.size());
    const auto start = Clock::now();
    const auto show = [&] {
      const double now_left = std::max(0.0, left - seconds_since(start));
      progress_.show(where + (left > 0 ? ", about " + human_seconds(now_left) + " left" : "") +
                     ": " + configurations_[i].name);
    };
    show();
    const TrialResult result = run_trial(settings_, configurations_[i], interruption_, show);
    seconds_[i] = seconds_since(start);
    BenchConfiguration& outcome = benchmark_.configurations[i];
    outcome.runs.resize(round + 1);
    outcome.runs[round] = result.run;
    for (const std::string& note : result.notes) tell_once(i, note);
    if (!result.failure.empty()) {
      complain(i, "failed in round " + std::to_string(round + 1) + ": " + result.failure);
    } else if (!result.no_effect.empty()) {
      outcome.void_figures = true;
      complain(i, "did not take effect: " + result.no_effect);
    }
  }

  void complain(size_t i, const std::string& problem) {
    benchmark_.configurations[i].problem = printable(problem);
    progress_.clear();
    std::cerr << "mla: " << printable(configurations_[i].name) << ": " << printable(problem)
              << '\n';
  }

  // The same of every configuration is told once.
  void tell_once(size_t i, const std::string& note) {
    if (!told_.emplace(note, i).second) return;
    benchmark_.notes.push_back(configurations_[i].name + ": " + note);
  }

  const TrialSettings& settings_;
  const std::vector<Configuration>& configurations_;
  Benchmark& benchmark_;
  Interruption interruption_;
  Progress progress_;
  std::vector<double> seconds_;  // that the last run of each took
  std::map<std::string, size_t> told_;
};

}  // namespace

int run_rounds(const TrialSettings& settings, const std::vector<Configuration>& configurations,
               bool show_progress, Benchmark& benchmark) {
  try {
    Rounds(settings, configurations, show_progress, benchmark).run();
  } catch (const Interrupted& interrupted) {
    benchmark.interrupted = true;
    return interrupted.signal;
  }
  return 0;
}

}  // namespace mla
