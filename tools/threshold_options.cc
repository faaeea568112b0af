#include "threshold_options.h"

#include "reader/error.h"
#include "validators.h"

namespace mla {
namespace {

void add(CLI::App& command, const char* name, double& value, const char* means) {
  command.add_option(name, value, means)
      ->check(finite_number())
      ->type_name("X")
      ->group("Founding thresholds");
}

}  // namespace

void add_threshold_options(CLI::App& command, FoundingThresholds& thresholds) {
  add(command, "--peak", thresholds.notify_peak,
      "Notify_Peak: a slope per sample above this notifies (0.0285)");
  add(command, "--overshoot", thresholds.overshoot_ratio,
      "Overshoot_Ratio: rise of the last part over the first (0.15)");
  add(command, "--error", thresholds.error_ratio,
      "Error_Ratio: disagreement of the two slopes (0.01)");
  command
      .add_option("--invalid-count", thresholds.invalid_count,
                  "Invalid_Count: fewer samples are invalid (300)")
      ->type_name("N")
      ->check(whole_number(0))
      ->group("Founding thresholds");
}

void add_excess_option(CLI::App& command, FoundingThresholds& thresholds) {
  add(command, "--excess", thresholds.excess_ratio,
      "Excess_Ratio: rise over the mean of --previous (0.2)");
}

void refuse_thresholds(const CLI::App& command, const std::vector<std::string>& others) {
  std::vector<std::string> names{"--peak", "--overshoot", "--error", "--invalid-count"};
  names.insert(names.end(), others.begin(), others.end());
  for (const std::string& name : names) {
    if (command.count(name) == 0) continue;
    throw Error(name, "belongs to the founding rule", "add --rule founding, or leave it out");
  }
}

}  // namespace mla
