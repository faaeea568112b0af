// Processes and clocks that a test drives, for the watcher's own code.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "watch/source.h"

namespace mla::test {

class FakeClock : public Clock {
 public:
  ClockReading now() override { return {boot_s, wall_s, boot_id}; }
  double cpu_s() override { return 0; }
  void pass(double seconds) {
    boot_s += seconds;
    wall_s += seconds;
  }

  double boot_s = 1000;
  double wall_s = 1'790'000'000.0 - std::fmod(1'790'000'000.0, 86400.0);  // midnight
  std::string boot_id = "a boot";
};

struct SimulatedProcess {
  Observation seen;
  double born_s = 0;                     // of FakeClock::boot_s
  std::function<double(double)> rss_of;  // of the seconds since then
};

class SimulatedHost : public ProcessSource {
 public:
  explicit SimulatedHost(FakeClock& clock) : clock_(clock) {}

  SimulatedProcess& start(const ServiceKey& of, const std::string& command,
                          std::function<double(double)> rss_of) {
    const uint32_t pid = next_pid_++;
    SimulatedProcess& process = processes[pid];
    process.seen.process = {pid, pid * 100ULL};
    process.seen.of = of;
    process.seen.command = command;
    process.born_s = clock_.boot_s;
    process.rss_of = std::move(rss_of);
    return process;
  }

  std::vector<Observation> observe() override {
    std::vector<Observation> all;
    for (auto& [pid, process] : processes) {
      const double age = clock_.boot_s - process.born_s;
      process.seen.age_s = age;
      process.seen.rss_bytes = static_cast<uint64_t>(process.rss_of(age));
      all.push_back(process.seen);
    }
    return all;
  }
  std::optional<RecordingVerdict> judge(const ProcessKey&, bool) override { return std::nullopt; }

  std::map<uint32_t, SimulatedProcess> processes;

 private:
  FakeClock& clock_;
  uint32_t next_pid_ = 100;
};

}  // namespace mla::test
