// mla report --html: the page, and what goes into it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "symbols/symbolizer.h"

namespace mla {

// The page of tools/web as it was built into this program; empty in a build without it.
std::string_view built_in_page();

// Throws Error if this build has no page.
void require_page();

// Judges the recording as `mla leaks` and `mla why` do and writes the page. Throws Error when the
// file cannot be written.
void write_report_page(const std::string& file, const Snapshot& snapshot, Symbolizer& symbolizer);

// Writes the page of any data. Throws Error when the file cannot be written.
void write_html(const std::string& file, const nlohmann::ordered_json& data);

}  // namespace mla
