// What several commands say of a recording in one line.
#pragma once

#include <string>
#include <vector>

#include "symbols/symbolizer.h"

namespace mla {

// A cell of CSV: with a comma, a quote or a line end it is quoted (RFC 4180).
std::string csv_cell(const std::string& text);

std::string command_of(const ProcessInfo& process);  // the command line, else the executable

// A stack in one line, leaf first, without the frames every allocation passes through, in Python
// from the innermost Python frame on: up to
// `frames` frames, "grow (leak.cc:12) < main (leak.cc:40)".
std::string one_line_stack(Symbolizer& symbolizer, const Site& site, size_t frames);
std::string one_line_stack(const std::vector<const Frame*>& stack, size_t frames);

}  // namespace mla
