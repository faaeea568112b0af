#include "side_by_side/trial.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "program_file.h"
#include "reader/error.h"
#include "recording_directory.h"
#include "report/units.h"
#include "side_by_side/output_file.h"
#include "side_by_side/supervised.h"
#include "side_by_side/took_effect.h"
#include "side_by_side/tree_sampler.h"

namespace mla {
namespace {

constexpr double kReadySeconds = 60;     // unless --timeout says otherwise
constexpr double kGraceSeconds = 10;     // from SIGTERM to SIGKILL
constexpr double kPortFreeSeconds = 10;  // for the server of the last run to be gone
constexpr double kProbeSeconds = 0.02;
constexpr size_t kCurvePoints = 400;  // of memory over time: as many as a chart shows

struct Failed {
  std::string why;
};

// Standard input of the command: a file is read from its beginning by each run, anything else is
// not read at all.
class Input {
 public:
  Input() {
    struct stat status {};
    if (fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode)) {
      fd_ = open("/proc/self/fd/0", O_RDONLY | O_CLOEXEC);
    }
    if (fd_ < 0) fd_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  ~Input() { close(fd_); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  int descriptor() const { return fd_; }

 private:
  int fd_ = -1;
};

// Holds the recordings of a run, in which only their cost matters, and removes them.
class Recordings {
 public:
  explicit Recordings(bool wanted) {
    if (wanted) directory_.emplace("");
  }
  ~Recordings() {
    if (!directory_) return;
    std::error_code ignored;
    std::filesystem::directory_iterator entry(directory_->path(), ignored);
    for (; !ignored && entry != std::filesystem::directory_iterator(); entry.increment(ignored)) {
      std::error_code stays;
      std::filesystem::remove(entry->path(), stays);
    }
  }
  Recordings(const Recordings&) = delete;
  Recordings& operator=(const Recordings&) = delete;
  std::string path() const { return directory_ ? directory_->path() : ""; }

 private:
  std::optional<RecordingDirectory> directory_;
};

std::string after_colon(const std::string& text) { return text.empty() ? "" : ": " + text; }

std::string ended_how(int status, const OutputFile& output) {
  if (WIFSIGNALED(status)) {
    return std::string("was killed by signal ") + std::to_string(WTERMSIG(status)) + " (" +
           strsignal(WTERMSIG(status)) + ")" + after_colon(output.last_line());
  }
  return "exited with code " + std::to_string(WEXITSTATUS(status)) +
         after_colon(output.last_line());
}

class Trial {
 public:
  Trial(const TrialSettings& settings, const Configuration& configuration,
        const Interruption& interruption, const std::function<void()>& while_waiting)
      : settings_(settings),
        configuration_(configuration),
        interruption_(interruption),
        while_waiting_(while_waiting),
        recordings_(!configuration.libmla.empty()) {}

  TrialResult run() {
    try {
      measure();
    } catch (const Failed& failed) {
      result_.run.reset();
      result_.failure = failed.why;
    }
    return std::move(result_);
  }

 private:
  void measure() {
    if (settings_.ready) wait_until_free();
    command_.emplace(settings_.command, environment_of(configuration_, recordings_.path()),
                     input_.descriptor(), output_.descriptor(), interruption_.mask_at_start());
    if (command_->exec_errno() != 0) {
      throw Failed{std::string("cannot be run: ") + std::strerror(command_->exec_errno())};
    }
    sampler_.emplace(command_->keeper());
    BenchRun run;
    if (settings_.is_server()) {
      serve(run);
    } else {
      run_to_the_end(run);
    }
    const TreeSampler::Largest& largest = sampler_->largest();
    const bool too_early =
        largest.state == Mappings::kNoLibrary && !inspect_program(largest.executable).is_static;
    if (!sampler_->has_samples() || too_early) {
      throw Failed{"ended before its memory could be read once: benchmark what runs longer"};
    }
    sampler_->add_high_water(command_->high_water_bytes());
    run[Measure::kPeak] = sampler_->peak_bytes();
    run[Measure::kIntegral] = sampler_->integral(end_s_);
    run[Measure::kCpu] = command_->cpu_seconds();
    if (settings_.metric) run[Measure::kMetric] = metric();
    run.memory = sampler_->curve(end_s_, kCurvePoints);
    result_.run = run;
    judge_effect();
  }

  // Samples and waits until `done` or so many seconds after the start. False: the time is over.
  template <class Condition>
  bool wait(double deadline_s, Supervised* other, Condition done) {
    for (;;) {
      command_->take_news();
      if (other != nullptr) other->take_news();
      if (done()) return true;
      sampler_->sample_if_due();
      const double now = sampler_->now();
      if (now >= deadline_s) return false;
      if (now >= next_call_) {
        while_waiting_();
        next_call_ = now + 1;
      }
      const double until = std::min({sampler_->next_sample(), deadline_s, now + 1});
      std::vector<int> descriptors{command_->descriptor()};
      if (other != nullptr) descriptors.push_back(other->descriptor());
      interruption_.wait(descriptors,
                         std::max(0, static_cast<int>(std::ceil((until - now) * 1000))));
    }
  }

  double deadline(double default_s) const {
    return sampler_->now() + settings_.timeout_s.value_or(default_s);
  }

  void run_to_the_end(BenchRun& run) {
    const bool ended = wait(deadline(INFINITY), nullptr, [this] { return command_->ended(); });
    if (!ended) throw Failed{"did not end within " + human_seconds(*settings_.timeout_s)};
    end_s_ = sampler_->now();
    run[Measure::kWall] = end_s_;
    const size_t left = command_->end_all();
    if (left != 0) {
      result_.notes.push_back(std::to_string(left) +
                              " processes outlived the command and were ended");
    }
    if (command_->wait_status() != 0) throw Failed{ended_how(command_->wait_status(), output_)};
  }

  // Another server on its address would be measured instead, or keep it from starting.
  void wait_until_free() {
    for (double waited = 0; settings_.ready->accepts(); waited += 0.1) {
      if (waited >= kPortFreeSeconds) {
        throw Failed{"something else answers at " + settings_.ready_address +
                     " before it is started: stop that, or choose another address"};
      }
      interruption_.wait({}, 100);
    }
  }

  // The command ended by itself; what it started may go on, as daemons do.
  bool server_is_gone() const {
    return command_->all_ended() || (command_->ended() && command_->wait_status() != 0);
  }

  void check_server(const char* when) {
    if (!server_is_gone()) return;
    throw Failed{(command_->ended() ? ended_how(command_->wait_status(), output_) : "ended") +
                 ", " + when};
  }

  void serve(BenchRun& run) {
    if (settings_.ready) become_ready();
    if (!settings_.load.empty()) {
      const double begun = sampler_->now();
      put_under_load();
      sampler_->sample();
      const double ended = sampler_->now();
      run[Measure::kWall] = ended - begun;
      run[Measure::kSteady] = sampler_->end_of(begun, ended);
    }
    if (settings_.idle_s > 0) {
      const double begun = sampler_->now();
      wait(begun + settings_.idle_s, nullptr, [this] { return server_is_gone(); });
      check_server("while it was idle");
      sampler_->sample();
      run[Measure::kIdle] = sampler_->end_of(begun, sampler_->now());
    }
    end_s_ = sampler_->now();
    stop_server();
  }

  void become_ready() {
    double next_probe = 0;
    const double limit = deadline(kReadySeconds);
    for (;;) {
      wait(std::min(limit, next_probe), nullptr, [this] { return server_is_gone(); });
      check_server("before it was ready");
      if (settings_.ready->answers()) return;
      if (sampler_->now() >= limit) {
        throw Failed{"was not ready at " + settings_.ready_address + " within " +
                     human_seconds(settings_.timeout_s.value_or(kReadySeconds)) +
                     after_colon(output_.last_line())};
      }
      next_probe = sampler_->now() + kProbeSeconds;
    }
  }

  void put_under_load() {
    std::vector<std::string> plain = environment_of({}, "");
    Supervised load({"/bin/sh", "-c", settings_.load}, plain, input_.descriptor(),
                    load_output_.descriptor(), interruption_.mask_at_start());
    if (load.exec_errno() != 0) {
      throw Failed{std::string("its load cannot be run: ") + std::strerror(load.exec_errno())};
    }
    const bool over =
        wait(deadline(INFINITY), &load, [&] { return load.ended() || server_is_gone(); });
    check_server("under the load");
    if (!over) throw Failed{"its load did not end within " + human_seconds(*settings_.timeout_s)};
    if (load.wait_status() != 0) {
      throw Failed{"its load " + ended_how(load.wait_status(), load_output_)};
    }
  }

  void stop_server() {
    command_->send_signal(SIGTERM);
    const bool gone =
        wait(sampler_->now() + kGraceSeconds, nullptr, [this] { return command_->all_ended(); });
    command_->end_all();
    if (!gone) {
      result_.notes.push_back("did not end within " + human_seconds(kGraceSeconds) +
                              " of SIGTERM, and was killed");
      return;
    }
    if (command_->ended() && WIFSIGNALED(command_->wait_status()) &&
        WTERMSIG(command_->wait_status()) != SIGTERM) {
      throw Failed{ended_how(command_->wait_status(), output_) + ", on SIGTERM"};
    }
  }

  double metric() {
    std::optional<double> found;
    if (!settings_.load.empty()) found = load_output_.number(*settings_.metric);
    if (!found) found = output_.number(*settings_.metric);
    if (!found) throw Failed{"no line of the output has a number that --metric matches"};
    return *found;
  }

  void judge_effect() {
    result_.no_effect = why_no_effect(configuration_, sampler_->largest());
    if (sampler_->largest().state == Mappings::kUnreadable) {
      result_.notes.emplace_back(
          "its mappings could not be read: whether the configuration took effect is not known");
    }
    for (const char* complaint : {"<jemalloc>: Invalid conf", "<jemalloc>: Malformed conf"}) {
      const std::string line = output_.line_with(complaint);
      if (!line.empty()) result_.no_effect = line;
    }
    if (sampler_->used_rss()) {
      result_.notes.emplace_back(
          "smaps_rollup could not be read: memory is RSS, which counts shared pages more than "
          "once");
    }
  }

  const TrialSettings& settings_;
  const Configuration& configuration_;
  const Interruption& interruption_;
  const std::function<void()>& while_waiting_;
  double next_call_ = 1;
  Recordings recordings_;
  Input input_;
  OutputFile output_;
  OutputFile load_output_;
  std::optional<Supervised> command_;
  std::optional<TreeSampler> sampler_;
  double end_s_ = 0;
  TrialResult result_;
};

}  // namespace

TrialResult run_trial(const TrialSettings& settings, const Configuration& configuration,
                      const Interruption& interruption,
                      const std::function<void()>& while_waiting) {
  return Trial(settings, configuration, interruption, while_waiting).run();
}

}  // namespace mla
