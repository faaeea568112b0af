// What the HTML page of a difference shows; tools/web/src/diff_model.ts is the reader.
#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "report/diff.h"

namespace mla {

// The members of `mla diff --json` (docs/diff.md) but for its sites, and besides:
//
//   a, b             with `command`, the command line in one line (`commands`), `timeline` and
//   `warnings` match_kinds      what the numbers in sites.match mean strings, frames, stacks:
//   tables, see html_model.h sites            columns; the stack is that of B, of what has gone
//   that of A
//
// Of moments `a` and `b` are the same.
nlohmann::ordered_json html_diff(const Diff& diff, Symbolizer& a, Symbolizer& b,
                                 const std::array<std::string, 2>& commands);

}  // namespace mla
