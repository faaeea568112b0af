#include "report/metrics.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <functional>

#include "ledger/ledger.h"
#include "reader/names.h"
#include "report/utf8.h"
#include "verdict/process_verdict.h"

namespace mla {
namespace {

using Labels = std::map<std::string, std::string>;

constexpr VerdictClass kVerdicts[] = {VerdictClass::kLeak,   VerdictClass::kBounded,
                                      VerdictClass::kStep,   VerdictClass::kRetention,
                                      VerdictClass::kStable, VerdictClass::kInsufficient};

enum class MetricType { kGauge, kCounter, kStateSet };

struct Family {
  const char* name;  // of a counter without _total
  MetricType type;
  const char* unit;  // the end of the name; empty: none
  const char* help;
};

constexpr Family kRss{"mla_resident_memory_bytes", MetricType::kGauge, "bytes",
                      "Resident memory of the process."};
constexpr Family kLive{"mla_live_bytes", MetricType::kGauge, "bytes",
                       "Bytes the process asked for and has not freed, heap and mappings."};
constexpr Family kLedger{"mla_ledger_bytes", MetricType::kGauge, "bytes",
                         "Resident memory by bucket of the ledger, when last looked at."};
constexpr Family kVerdict{"mla_verdict", MetricType::kStateSet, "",
                          "What the memory does: 1 for the present verdict."};
constexpr Family kGrowth{"mla_growth_bytes_per_second", MetricType::kGauge, "bytes_per_second",
                         "Growth of memory as the verdict found it."};
constexpr Family kProbability{"mla_leak_probability_ratio", MetricType::kGauge, "ratio",
                              "Probability that the process leaks."};
constexpr Family kLost{"mla_lost_events", MetricType::kCounter, "",
                       "Allocations and frees that could not be recorded."};
constexpr Family kStopped{"mla_recording_stopped", MetricType::kGauge, "",
                          "1 if recording stopped for this reason: the figures end then."};
constexpr Family kSampling{"mla_sampling_mode", MetricType::kStateSet, "",
                           "How densely the process is recorded: 1 for the present mode."};
constexpr Family kSampled{"mla_sampled_timestamp_seconds", MetricType::kGauge, "seconds",
                          "The moment the figures are of, in Unix time."};

const char* type_name(MetricType type, MetricsFormat format) {
  if (type == MetricType::kCounter) return "counter";
  // The text format knows no state sets: the same samples are gauges there.
  return type == MetricType::kStateSet && format == MetricsFormat::kOpenMetrics ? "stateset"
                                                                                : "gauge";
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : valid_utf8(text)) {
    if (c == '\\' || c == '"') result += '\\';
    if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result;
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

// The samples of a family: each `add` one line.
class Writer {
 public:
  explicit Writer(MetricsFormat format) : format_(format) {}

  using Add = std::function<void(const Labels&, const std::string&)>;

  void family(const Family& family, const std::vector<ProcessMetrics>& processes,
              const std::function<void(const ProcessMetrics&, const Add&)>& samples) {
    std::string lines;
    const std::string name = family.name;
    const std::string sample_name = family.type == MetricType::kCounter ? name + "_total" : name;
    for (const ProcessMetrics& process : processes) {
      samples(process, [&](const Labels& labels, const std::string& value) {
        lines += sample_name;
        lines += '{';
        bool first = true;
        for (const auto& [label, text] : labels) {
          if (!first) lines += ',';
          first = false;
          lines += label;
          lines += "=\"";
          lines += escaped(text);
          lines += '"';
        }
        lines += "} ";
        lines += value;
        lines += '\n';
      });
    }
    if (lines.empty()) return;
    const bool open = format_ == MetricsFormat::kOpenMetrics;
    const std::string& described = open ? name : sample_name;
    line("# HELP ", described, family.help);
    line("# TYPE ", described, type_name(family.type, format_));
    if (open && family.unit[0] != '\0') line("# UNIT ", described, family.unit);
    text_ += lines;
  }

  std::string take() {
    if (format_ == MetricsFormat::kOpenMetrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  void line(const char* what, const std::string& name, const char* rest) {
    text_ += what;
    text_ += name;
    text_ += ' ';
    text_ += rest;
    text_ += '\n';
  }

  MetricsFormat format_;
  std::string text_;
};

Labels with(Labels labels, const std::string& name, const std::string& value) {
  labels[name] = value;
  return labels;
}

}  // namespace

const char* content_type(MetricsFormat format) {
  return format == MetricsFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

std::string metrics_text(const std::vector<ProcessMetrics>& processes, MetricsFormat format) {
  Writer writer(format);
  using Add = Writer::Add;
  writer.family(kRss, processes, [](const ProcessMetrics& process, const Add& add) {
    if (process.rss_bytes != 0) add(process.labels, std::to_string(process.rss_bytes));
  });
  writer.family(kLive, processes, [](const ProcessMetrics& process, const Add& add) {
    if (process.live_bytes) add(process.labels, std::to_string(*process.live_bytes));
  });
  writer.family(kLedger, processes, [](const ProcessMetrics& process, const Add& add) {
    for (const auto& [bucket, bytes] : process.ledger) {
      add(with(process.labels, "bucket", bucket), std::to_string(bytes));
    }
  });
  writer.family(kVerdict, processes, [](const ProcessMetrics& process, const Add& add) {
    for (const VerdictClass verdict : kVerdicts) {
      const std::string name = verdict_name(verdict);
      // The label of a state set is named as the set.
      add(with(process.labels, kVerdict.name, name), name == process.verdict ? "1" : "0");
    }
  });
  writer.family(kGrowth, processes, [](const ProcessMetrics& process, const Add& add) {
    if (process.growth_bytes_per_s) add(process.labels, number(*process.growth_bytes_per_s));
  });
  writer.family(kProbability, processes, [](const ProcessMetrics& process, const Add& add) {
    if (process.leak_probability) add(process.labels, number(*process.leak_probability));
  });
  writer.family(kLost, processes, [](const ProcessMetrics& process, const Add& add) {
    if (process.lost_events) add(process.labels, std::to_string(*process.lost_events));
  });
  writer.family(kStopped, processes, [](const ProcessMetrics& process, const Add& add) {
    if (process.sampling.empty()) return;
    for (uint32_t i = 1; i < static_cast<uint32_t>(format::StopReason::kCount); ++i) {
      const std::string reason = stop_name(static_cast<format::StopReason>(i));
      add(with(process.labels, "reason", reason), reason == process.stop_reason ? "1" : "0");
    }
  });
  writer.family(kSampling, processes, [](const ProcessMetrics& process, const Add& add) {
    if (process.sampling.empty()) return;
    for (const SamplingMode mode :
         {SamplingMode::kExact, SamplingMode::kSampled, SamplingMode::kOff}) {
      const std::string name = sampling_name(mode);
      add(with(process.labels, kSampling.name, name), name == process.sampling ? "1" : "0");
    }
  });
  writer.family(kSampled, processes, [](const ProcessMetrics& process, const Add& add) {
    add(process.labels, number(process.sampled_unix_s));
  });
  return writer.take();
}

ProcessMetrics metrics_of(const Snapshot& snapshot) {
  constexpr double kNsPerSecond = 1e9;
  ProcessMetrics metrics;
  metrics.labels["pid"] = std::to_string(snapshot.process.pid);
  const MemoryNow memory = last_recorded_memory(snapshot);
  metrics.rss_bytes = memory.rss_bytes;
  metrics.live_bytes = snapshot.totals.live_bytes + snapshot.totals.mapped_bytes;
  if (!snapshot.ledger.empty()) {
    const Ledger ledger = make_ledger(snapshot, memory);
    for (size_t i = 0; i < kBucketKinds; ++i) {
      metrics.ledger[bucket_name(static_cast<BucketKind>(i))] = ledger.buckets[i];
    }
  }
  const SeriesVerdict verdict = process_verdict(snapshot).process;
  metrics.verdict = verdict_name(verdict.verdict);
  if (verdict.n_eff > 0) {
    metrics.growth_bytes_per_s = verdict.rate.value / kSecondsPerHour;
    metrics.leak_probability = verdict.probability;
  }
  metrics.lost_events = snapshot.totals.lost_events;
  metrics.sampling = sampling_name(snapshot.sampling.mode);
  metrics.stop_reason = stop_name(snapshot.stop_reason);
  metrics.sampled_unix_s =
      static_cast<double>(snapshot.process.start_realtime_ns + snapshot.last_ns) / kNsPerSecond;
  return metrics;
}

}  // namespace mla
