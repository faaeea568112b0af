#include "recording_labels.h"

#include "watching/identity.h"

namespace mla {

std::map<std::string, std::string> recording_labels(const Snapshot& snapshot) {
  constexpr size_t kBuildDigits = 12;
  const ProcessInfo& process = snapshot.process;
  std::map<std::string, std::string> labels{{"service", service_of(process.argv, process.exe)},
                                            {"host", process.host}};
  for (const ModuleInfo& module : snapshot.modules) {
    if (module.path == process.exe && !module.build_id.empty()) {
      labels["build"] = module.build_id.substr(0, kBuildDigits);
    }
  }
  return labels;
}

}  // namespace mla
