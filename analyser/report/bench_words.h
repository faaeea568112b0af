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

// In a sentence: "memory after the idle time".
std::string measure_title(Measure measure);

// Why nothing is recommended, each sentence with its line feed; empty where there are trade-offs.
std::string no_recommendation(const Benchmark& benchmark, const Comparison& comparison);

}  // namespace mla
