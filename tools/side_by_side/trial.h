// One run of the command under one configuration: started, loaded, left idle, stopped, measured.
#pragma once

#include <functional>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "comparison/benchmark.h"
#include "side_by_side/configurations.h"
#include "side_by_side/interruption.h"
#include "side_by_side/readiness.h"

namespace mla {

struct TrialSettings {
  std::vector<std::string> command;
  std::optional<Readiness> ready;  // a server: what tells that it takes requests
  std::string ready_address;
  std::string load;                 // for a shell; empty: none
  double idle_s = 0;                // after the load
  std::optional<double> timeout_s;  // for each of: ready, load, the run of what is no server
  std::optional<std::regex> metric;
  // A server is stopped by SIGTERM, everything else is waited for.
  bool is_server() const { return ready.has_value() || idle_s > 0; }
};

struct TrialResult {
  std::optional<BenchRun> run;
  std::string failure;  // why there is no run: "exited with code 3: last line of its output"
  // Why the figures do not show the configuration: it did not take effect. Empty: it did.
  std::string no_effect;
  std::vector<std::string> notes;
};

// `while_waiting` is called once a second. Throws Interrupted; nothing of the command is left then.
// Throws Error when processes or files cannot be made.
TrialResult run_trial(const TrialSettings& settings, const Configuration& configuration,
                      const Interruption& interruption, const std::function<void()>& while_waiting);

}  // namespace mla
