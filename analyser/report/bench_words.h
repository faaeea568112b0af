// What the text and the JSON of a benchmark say alike.
#pragma once

#include <string>
#include <vector>

#include "comparison/compare.h"

namespace mla {

const char* verdict_name(Verdict verdict);  // "better", "no_difference", ...; as in JSON

// A command as a shell reads it back: words quoted where they must be.
std::string shell_words(const std::vector<std::string>& words);

// "LD_PRELOAD=... MALLOC_CONF=... CMD": what a person types to run this configuration.
std::string command_line_of(const Benchmark& benchmark, size_t configuration);

}  // namespace mla
