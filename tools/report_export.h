// The forms of mla report that other tools read.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <ostream>
#include <vector>

#include "report/stack_values.h"

namespace mla {

enum class Export { kPprof, kFolded, kSpeedscope, kCsv, kOpenMetrics, kPrometheus };

bool is_of_stacks(Export form);

struct ExportFlags {
  std::vector<CLI::Option*> of_stacks;   // these know --value and --native
  std::vector<CLI::Option*> of_figures;  // these do not
};

// One flag for each form; `chosen` is set when one was given.
ExportFlags add_export_flags(CLI::App& command, std::optional<Export>& chosen);

struct ExportOptions {
  StackValue value = StackValue::kLive;
  bool native = false;
};

void write_export(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer, Export form,
                  const ExportOptions& options);

}  // namespace mla
