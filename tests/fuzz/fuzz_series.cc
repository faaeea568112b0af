// Any bytes read as a memory series, and all that is told from one: an Error or finite figures.
#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "fuzz/require.h"
#include "reader/error.h"
#include "series/founding.h"
#include "series/founding_text.h"
#include "series/series_file.h"
#include "verdict/verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  try {
    const mla::Series series = mla::read_series(in, "fuzz");
    MLA_REQUIRE(!series.values.empty());
    MLA_REQUIRE(series.t_s.empty() || series.t_s.size() == series.values.size());
    MLA_REQUIRE(series.live_bytes.empty() || series.live_bytes.size() == series.values.size());
    for (size_t i = 0; i < series.values.size(); ++i) {
      MLA_REQUIRE(std::isfinite(series.values[i]));
      MLA_REQUIRE(i == 0 || series.t_s.empty() || series.t_s[i] >= series.t_s[i - 1]);
    }
    mla::series_rate(series);
    const mla::FoundingResult founding = mla::founding_rule(series.values, {}, series.live_bytes);
    MLA_REQUIRE(founding.count == series.values.size());
    MLA_REQUIRE(!mla::founding_text(founding).empty());
    std::vector<double> times = series.t_s;
    for (size_t i = times.size(); i < series.values.size(); ++i) {
      times.push_back(static_cast<double>(i));
    }
    const mla::SeriesVerdict verdict = mla::series_verdict(times, series.values);
    MLA_REQUIRE(verdict.probability >= 0 && verdict.probability <= 1);
    MLA_REQUIRE(verdict.samples <= series.values.size());
  } catch (const mla::Error& error) {
    MLA_REQUIRE(*error.what() != '\0');
  }
  return 0;
}
