#include "report_export.h"

#include "recording_labels.h"
#include "report/folded.h"
#include "report/metrics.h"
#include "report/packing.h"
#include "report/pprof.h"
#include "report/speedscope.h"
#include "report/timeline_csv.h"

namespace mla {
namespace {

struct Form {
  Export form;
  const char* flag;
  const char* means;
};

constexpr Form kForms[] = {
    {Export::kPprof, "--pprof", "Write a profile for go tool pprof, compressed"},
    {Export::kFolded, "--folded", "Print folded stacks, for flamegraph.pl and its like"},
    {Export::kSpeedscope, "--speedscope", "Print a profile for speedscope"},
    {Export::kCsv, "--csv", "Print the timeline as CSV"},
    {Export::kOpenMetrics, "--openmetrics", "Print metrics in the format of OpenMetrics 1.0"},
    {Export::kPrometheus, "--prometheus",
     "Print metrics in Prometheus's text format, for its\n"
     "textfile collector and push gateway"}};

void write_pprof(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                 const ExportOptions& options) {
  PprofOptions pprof;
  pprof.value = options.value;
  pprof.native = options.native;
  pprof.time_unix_ns = last_unix_ns(snapshot);
  out << deflated(make_pprof(snapshot, symbolizer, pprof).bytes, Framing::kGzip);
}

void write_metrics(std::ostream& out, const Snapshot& snapshot, MetricsFormat format) {
  ProcessMetrics metrics = metrics_of(snapshot);
  metrics.labels.merge(recording_labels(snapshot));
  out << metrics_text({metrics}, format);
}

}  // namespace

bool is_of_stacks(Export form) {
  return form == Export::kPprof || form == Export::kFolded || form == Export::kSpeedscope;
}

ExportFlags add_export_flags(CLI::App& command, std::optional<Export>& chosen) {
  ExportFlags flags;
  for (const Form& form : kForms) {
    CLI::Option* flag = command.add_flag_callback(
        form.flag, [&chosen, form] { chosen = form.form; }, form.means);
    (is_of_stacks(form.form) ? flags.of_stacks : flags.of_figures).push_back(flag);
  }
  return flags;
}

void write_export(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer, Export form,
                  const ExportOptions& options) {
  switch (form) {
    case Export::kPprof:
      return write_pprof(out, snapshot, symbolizer, options);
    case Export::kFolded:
      return write_folded(out, snapshot, symbolizer, options.value, options.native);
    case Export::kSpeedscope:
      return write_speedscope(out, snapshot, symbolizer, options.value, options.native);
    case Export::kCsv:
      return write_timeline_csv(out, snapshot);
    case Export::kOpenMetrics:
      return write_metrics(out, snapshot, MetricsFormat::kOpenMetrics);
    case Export::kPrometheus:
      return write_metrics(out, snapshot, MetricsFormat::kText);
  }
}

}  // namespace mla
