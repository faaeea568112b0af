// Exports of a Snapshot made by hand: pprof and its limits, speedscope, CSV, metrics. What other
// tools read of them is seen to in tests/e2e/exports_test.py.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>
#include <sstream>

#include "reader/error.h"
#include "report/folded.h"
#include "report/metrics.h"
#include "report/packing.h"
#include "report/pprof.h"
#include "report/speedscope.h"
#include "report/timeline_csv.h"

namespace mla {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// Of `count` call sites in one chain of calls of which each is a leaf, the deepest first: the site
// with the stack of n frames has n * 100 bytes alive and allocated 1000 more.
Snapshot chain(uint32_t count) {
  Snapshot snapshot;
  snapshot.path = "a.mla";
  snapshot.process.pid = 42;
  snapshot.process.exe = "/absent/program";
  snapshot.process.start_realtime_ns = 1'700'000'000 * kSecond;
  snapshot.last_ns = 60 * kSecond;
  snapshot.modules.resize(3);
  snapshot.modules[1] = {"/absent/libx.so", "abcd", 0x400000, 0x500000, 0x400000, 1, 0, ""};
  snapshot.modules[2] = {"/absent/program", "12ef", 0x600000, 0x700000, 0x600000, 1, 0, ""};
  snapshot.nodes.resize(1);
  for (uint32_t i = 1; i <= count; ++i) {
    snapshot.nodes.push_back({0x401001 + i * 16, i - 1, 1, false});
    Site site;
    site.id = site.native = i;
    site.alloc_count = site.live_count = i;
    site.live_bytes = i * 100;
    site.alloc_bytes = site.live_bytes + 1000;
    site.peak_bytes = 7;
    snapshot.sites.insert(snapshot.sites.begin(), site);
    snapshot.totals.live_bytes += site.live_bytes;
  }
  Site mapping;
  mapping.mapping = true;
  mapping.native = 1;
  mapping.live_bytes = mapping.alloc_bytes = 1 << 30;
  snapshot.sites.push_back(mapping);
  snapshot.totals.mapped_bytes = 1 << 30;
  return snapshot;
}

struct Decoded {
  std::vector<std::string> strings;
  std::vector<std::pair<std::vector<uint64_t>, std::vector<int64_t>>> samples;
  std::map<uint64_t, uint64_t> function_names;      // by id: index into strings
  std::map<uint64_t, uint64_t> location_functions;  // by id: id of a function
  std::vector<uint64_t> mapping_files;              // index into strings, in order of ids
  int64_t time_ns = 0;

  std::string leaf(size_t sample) const { return frame(samples[sample].first.front()); }
  std::string root(size_t sample) const { return frame(samples[sample].first.back()); }
  std::string frame(uint64_t location) const {
    return strings.at(function_names.at(location_functions.at(location)));
  }
  int64_t total(size_t type) const {
    int64_t sum = 0;
    for (const auto& [locations, values] : samples) sum += values.at(type);
    return sum;
  }
};

std::pair<uint64_t, uint64_t> id_and(protozero::pbf_reader message, uint32_t field) {
  std::pair<uint64_t, uint64_t> found;
  while (message.next()) {
    if (message.tag() == 1) {
      found.first = message.get_uint64();
    } else if (message.tag() == field && message.wire_type() == protozero::pbf_wire_type::varint) {
      found.second = message.get_uint64();
    } else if (message.tag() == field) {
      found.second = id_and(message.get_message(), 0).first;  // the line's function
    } else {
      message.skip();
    }
  }
  return found;
}

Decoded decoded(const std::string& bytes) {
  Decoded profile;
  protozero::pbf_reader reader(bytes);
  while (reader.next()) {
    switch (reader.tag()) {
      case 2: {
        protozero::pbf_reader sample = reader.get_message();
        auto& [locations, values] = profile.samples.emplace_back();
        while (sample.next()) {
          if (sample.tag() == 1) {
            for (const uint64_t id : sample.get_packed_uint64()) locations.push_back(id);
          } else {
            for (const int64_t value : sample.get_packed_int64()) values.push_back(value);
          }
        }
        break;
      }
      case 3:
        profile.mapping_files.push_back(id_and(reader.get_message(), 5).second);
        break;
      case 4:
        profile.location_functions.insert(id_and(reader.get_message(), 4));
        break;
      case 5:
        profile.function_names.insert(id_and(reader.get_message(), 2));
        break;
      case 6:
        profile.strings.push_back(reader.get_string());
        break;
      case 9:
        profile.time_ns = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
  return profile;
}

Pprof pprof_of(const Snapshot& snapshot, const PprofOptions& options = {}) {
  Symbolizer symbolizer(snapshot);
  return make_pprof(snapshot, symbolizer, options);
}

TEST(ExportPprof, TotalsAndOrder) {
  const Snapshot snapshot = chain(3);
  PprofOptions options;
  options.time_unix_ns = last_unix_ns(snapshot);
  const Pprof made = pprof_of(snapshot, options);
  const Decoded profile = decoded(made.bytes);
  EXPECT_EQ(profile.strings.at(0), "");
  ASSERT_EQ(profile.samples.size(), 3U);
  EXPECT_EQ(made.samples, 3U);
  EXPECT_EQ(made.other_stacks, 0U);
  EXPECT_EQ(profile.total(0), 6);
  EXPECT_EQ(profile.total(1), 3600);
  EXPECT_EQ(profile.total(2), 6);
  EXPECT_EQ(profile.total(3), 600);
  EXPECT_EQ(profile.leaf(0), "libx.so+0x1030");
  EXPECT_EQ(profile.root(0), "libx.so+0x1010");
  EXPECT_EQ(profile.time_ns, 1'700'000'060 * static_cast<int64_t>(kSecond));
  ASSERT_EQ(profile.mapping_files.size(), 2U);
  EXPECT_EQ(profile.strings[profile.mapping_files[0]], "/absent/program");
}

TEST(ExportPprof, OtherValuesAreTypesOfTheirOwn) {
  Snapshot snapshot = chain(3);
  snapshot.last_ns = 4 * kSecond;  // the first is starting up
  snapshot.history = {
      {0, {{kSecond / 2, 50, 1}, {kSecond, 100, 1}, {3 * kSecond, 300, 3}}},
      {1, {{kSecond, 900, 1}, {3 * kSecond, 200, 3}}},
      {2, {{kSecond / 2, 0, 1}, {kSecond, 5000, 1}}},
  };
  PprofOptions options;
  options.value = StackValue::kPeak;
  EXPECT_EQ(decoded(pprof_of(snapshot, options).bytes).total(5), 21);
  options.value = StackValue::kGrowth;
  EXPECT_EQ(decoded(pprof_of(snapshot, options).bytes).total(4), 200) << "what shrank is left out";
}

TEST(ExportPprof, ProgramWithoutCodeInAStackIsTheFirstMapping) {
  Snapshot snapshot = chain(1);
  snapshot.modules.pop_back();
  const Decoded profile = decoded(pprof_of(snapshot).bytes);
  EXPECT_EQ(profile.strings.at(profile.mapping_files.at(0)), "/absent/program");
}

TEST(ExportPprof, LimitOfSamplesPutsTheSmallOnesTogether) {
  PprofOptions options;
  options.limits.samples = 3;
  const Pprof made = pprof_of(chain(10), options);
  const Decoded profile = decoded(made.bytes);
  ASSERT_EQ(profile.samples.size(), 3U);
  EXPECT_EQ(made.other_stacks, 8U);
  EXPECT_EQ(made.other_live_bytes, 3600U);
  EXPECT_EQ(profile.total(3), 5500);
  EXPECT_EQ(profile.total(1), 15500);
  EXPECT_EQ(profile.leaf(2), "[other call sites]");
  options.limits.samples = 10;
  EXPECT_EQ(pprof_of(chain(10), options).other_stacks, 0U);
}

TEST(ExportPprof, LimitOfBytesKeepsAsManyAsFit) {
  const Snapshot snapshot = chain(300);
  const size_t whole = pprof_of(snapshot).bytes.size();
  PprofOptions options;
  options.limits.bytes = whole;
  EXPECT_EQ(pprof_of(snapshot, options).other_stacks, 0U);
  options.limits.bytes = whole / 2;
  const Pprof made = pprof_of(snapshot, options);
  EXPECT_LE(made.bytes.size(), whole / 2);
  EXPECT_GT(made.bytes.size(), whole / 3);
  EXPECT_EQ(made.samples, 300 - made.other_stacks + 1);
  EXPECT_EQ(decoded(made.bytes).total(3), static_cast<int64_t>(snapshot.totals.live_bytes));
  options.limits.bytes = 10;
  EXPECT_THROW(pprof_of(snapshot, options), Error);
}

TEST(ExportPprof, LimitOfFramesCutsTheRoot) {
  PprofOptions options;
  options.limits.frames = 5;
  const Pprof made = pprof_of(chain(6), options);
  const Decoded profile = decoded(made.bytes);
  EXPECT_EQ(made.cut_stacks, 1U);
  EXPECT_EQ(profile.samples[0].first.size(), 5U);
  EXPECT_EQ(profile.leaf(0), "libx.so+0x1060");
  EXPECT_EQ(profile.root(0), "[outer frames left out]");
  EXPECT_EQ(profile.root(1), "libx.so+0x1010");
}

TEST(ExportPprof, StacksThatWereNotRecordedAndNothingAtAll) {
  Snapshot snapshot = chain(1);
  snapshot.sites[0].native = 0;
  EXPECT_EQ(decoded(pprof_of(snapshot).bytes).leaf(0), "[no stack]");
  snapshot.sites[0].overflow = true;
  EXPECT_EQ(decoded(pprof_of(snapshot).bytes).leaf(0), "[call sites without a record]");
  EXPECT_TRUE(decoded(pprof_of(Snapshot()).bytes).samples.empty());
}

TEST(ExportSpeedscope, FramesAreSharedAndWeightsAddUp) {
  const Snapshot snapshot = chain(3);
  Symbolizer symbolizer(snapshot);
  std::ostringstream out;
  write_speedscope(out, snapshot, symbolizer, StackValue::kAllocated, false);
  const auto document = nlohmann::json::parse(out.str());
  EXPECT_EQ(document["shared"]["frames"].size(), 3U);
  const auto& profile = document["profiles"][0];
  EXPECT_EQ(profile["weights"], nlohmann::json({1300, 1200, 1100}));
  EXPECT_EQ(profile["endValue"], 3600);
  EXPECT_EQ(profile["samples"][0].size(), 3U);
  EXPECT_EQ(document["shared"]["frames"][profile["samples"][0][0].get<size_t>()]["name"],
            "libx.so+0x1010")
      << "root first";
}

TEST(ExportCsv, HasTheTimeline) {
  Snapshot snapshot = chain(1);
  snapshot.timeline = {{1'500'000'000, 1, 2, 3, 4, 5, 6, 7}};
  std::ostringstream out;
  write_timeline_csv(out, snapshot);
  EXPECT_EQ(out.str(),
            "t_s,unix_s,rss_bytes,anon_bytes,live_bytes,live_count,alloc_bytes,alloc_count,"
            "mapped_bytes\n1.500000000,1700000001.500000000,1,2,3,4,6,5,7\n");
}

ProcessMetrics metrics() {
  ProcessMetrics process;
  process.labels = {{"service", "a \"b\"\\\n\xff"}};
  process.rss_bytes = 17;
  process.verdict = "leak";
  process.lost_events = 3;
  process.sampled_unix_s = 1.5;
  return process;
}

TEST(ExportMetrics, OpenMetrics) {
  const std::string text = metrics_text({metrics()}, MetricsFormat::kOpenMetrics);
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
  const std::string labels = "{service=\"a \\\"b\\\"\\\\\\n\xef\xbf\xbd\"}";
  EXPECT_NE(text.find("\nmla_resident_memory_bytes" + labels + " 17\n"), std::string::npos);
  EXPECT_NE(text.find("# TYPE mla_lost_events counter\nmla_lost_events_total" + labels + " 3\n"),
            std::string::npos);
  EXPECT_NE(text.find("# TYPE mla_verdict stateset\n"), std::string::npos);
  EXPECT_NE(text.find("mla_verdict{mla_verdict=\"leak\",service="), std::string::npos);
  EXPECT_EQ(text.find("mla_live_bytes"), std::string::npos) << "what is not known is left out";
  EXPECT_EQ(metrics_text({}, MetricsFormat::kOpenMetrics), "# EOF\n");
}

TEST(ExportMetrics, OneVerdictIsTrue) {
  const std::string text = metrics_text({metrics()}, MetricsFormat::kText);
  std::istringstream lines(text);
  std::map<char, int> values;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("mla_verdict{")) ++values[line.back()];
  }
  EXPECT_EQ(values, (std::map<char, int>{{'0', 5}, {'1', 1}}));
  EXPECT_EQ(text.find("stateset"), std::string::npos);
  EXPECT_EQ(text.find("EOF"), std::string::npos);
  EXPECT_NE(text.find("# TYPE mla_lost_events_total counter\n"), std::string::npos);
}

TEST(ExportMetrics, OneReasonAndOneModeAreTrue) {
  EXPECT_EQ(metrics_text({metrics()}, MetricsFormat::kText).find("mla_recording_stopped"),
            std::string::npos)
      << "it is not recorded";
  ProcessMetrics process = metrics();
  process.labels = {};
  process.sampling = "off";
  process.stop_reason = "no_space";
  const std::string text = metrics_text({process}, MetricsFormat::kOpenMetrics);
  EXPECT_NE(text.find("# TYPE mla_sampling_mode stateset\n"), std::string::npos);
  EXPECT_NE(text.find("mla_sampling_mode{mla_sampling_mode=\"off\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("mla_sampling_mode{mla_sampling_mode=\"exact\"} 0\n"), std::string::npos);
  EXPECT_NE(text.find("mla_recording_stopped{reason=\"no_space\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("mla_recording_stopped{reason=\"seccomp\"} 0\n"), std::string::npos);
}

TEST(ExportMetrics, OfASnapshot) {
  const ProcessMetrics process = metrics_of(chain(3));
  EXPECT_EQ(process.live_bytes, 600U + (1U << 30));
  EXPECT_EQ(process.verdict, "insufficient");
  EXPECT_EQ(process.growth_bytes_per_s, std::nullopt);
  EXPECT_EQ(process.labels.at("pid"), "42");
}

TEST(Packing, Base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar\xff"), "Zm9vYmFy/w==");
}

}  // namespace
}  // namespace mla
