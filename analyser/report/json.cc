#include "report/json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>

#include "reader/names.h"
#include "report/recording_words.h"

namespace mla {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

Json string_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json process_json(const ProcessInfo& process) {
  Json allocator{{"name", process.allocator},
                 {"version", string_or_null(process.allocator_version)},
                 {"path", string_or_null(process.allocator_path)}};
  Json python;
  if (!process.python_version.empty()) {
    python = {{"version", process.python_version}, {"mode", process.python_mode}};
  }
  return {{"pid", process.pid},
          {"parent_pid", process.parent_pid},
          {"uid", process.uid},
          {"exe", process.exe},
          {"argv", process.argv},
          {"working_directory", process.working_directory},
          {"host", process.host},
          {"kernel", process.kernel},
          {"cgroup", process.cgroup},
          {"thp", process.thp_mode},
          {"page_bytes", process.page_bytes},
          {"fork_depth", process.fork_depth},
          {"parent_recording", string_or_null(process.parent_segment)},
          {"start_unix_s", seconds(process.start_realtime_ns)},
          {"allocator", allocator},
          {"python", python},
          {"settings", process.settings},
          {"notes", process.notes}};
}

Json stopped_json(const Snapshot& snapshot) {
  if (snapshot.stop_reason == format::StopReason::kNone) return {};
  return {{"reason", stop_name(snapshot.stop_reason)},
          {"detail", stop_sentence(snapshot.stop_reason, snapshot.stop_errno)},
          {"errno", snapshot.stop_errno},
          {"t_s", seconds(snapshot.stop_ns)}};
}

// The sentence is the one of the text report, and of the page.
Json off_json(const SamplingInfo& sampling) {
  if (!sampling.was_off()) return {};
  return {{"first_s", seconds(sampling.off_first_ns)},
          {"from_s", seconds(sampling.off_begin_ns)},
          {"to_s", sampling.is_off() ? Json() : Json(seconds(sampling.off_end_ns))},
          {"sentence", off_sentence(sampling)}};
}

Json sampling_json(const SamplingInfo& sampling) {
  return {{"mode", sampling_name(sampling.mode)},
          {"interval_bytes", sampling.interval_bytes == 0 ? Json() : Json(sampling.interval_bytes)},
          {"budget_percent", sampling.budget_percent == 0 ? Json() : Json(sampling.budget_percent)},
          {"estimates", sampling.estimates},
          {"off", off_json(sampling)}};
}

Json totals_json(const Totals& totals) {
  return {{"live_bytes", totals.live_bytes},
          {"live_count", totals.live_count},
          {"alloc_bytes", totals.alloc_bytes},
          {"alloc_count", totals.alloc_count},
          {"freed_bytes", totals.freed_bytes},
          {"freed_count", totals.freed_count},
          {"peak_live_bytes", totals.peak_live_bytes},
          {"peak_t_s", seconds(totals.peak_ns)},
          {"peak_snapshot_bytes", totals.peak_snapshot_bytes},
          {"peak_snapshot_t_s", seconds(totals.peak_snapshot_ns)},
          {"mapped_bytes", totals.mapped_bytes},
          {"inherited_bytes", totals.inherited_bytes},
          {"inherited_count", totals.inherited_count},
          {"live_bytes_se", totals.live_se},
          {"alloc_bytes_se", totals.alloc_se},
          {"lost_events", totals.lost_events},
          {"own_bytes", totals.own_bytes},
          {"own_live_map_bytes", totals.own_live_map_bytes}};
}

Json losses_json(const Snapshot& snapshot) {
  Json losses = Json::object();
  for (uint32_t i = 0; i < format::kLossCount; ++i) {
    if (snapshot.losses[i] != 0) {
      losses[loss_name(static_cast<format::Loss>(i))] = snapshot.losses[i];
    }
  }
  return losses;
}

Json unwind_check_json(const UnwindCheck& check) {
  if (check.checked == 0) return {};
  Json first;
  if (check.differed != 0) {
    first = {{"frame", check.first_frame},
             {"address", check.first_pc},
             {"reference_address", check.first_reference_pc}};
  }
  return {{"checked", check.checked}, {"differed", check.differed}, {"first", first}};
}

Json point_json(const TimelinePoint& point) {
  return {{"t_s", seconds(point.t_ns)},       {"rss_bytes", point.rss_bytes},
          {"anon_bytes", point.anon_bytes},   {"live_bytes", point.live_bytes},
          {"live_count", point.live_count},   {"alloc_bytes", point.alloc_bytes},
          {"alloc_count", point.alloc_count}, {"mapped_bytes", point.mapped_bytes}};
}

Json thread_json(const ThreadInfo& thread) {
  return {{"tid", thread.tid},
          {"name", thread.name},
          {"start_s", seconds(thread.start_ns)},
          {"end_s", thread.ended ? Json(seconds(thread.end_ns)) : Json()},
          {"alloc_bytes", thread.alloc_bytes},
          {"alloc_count", thread.alloc_count},
          {"freed_bytes", thread.freed_bytes},
          {"freed_count", thread.freed_count}};
}

Json module_json(const ModuleInfo& module) {
  return {{"path", module.path},
          {"build_id", string_or_null(module.build_id)},
          {"start", module.start},
          {"end", module.end},
          {"bias", module.bias},
          {"load_s", seconds(module.load_ns)},
          {"unload_s", module.unload_ns == 0 ? Json() : Json(seconds(module.unload_ns))}};
}

const char* kind_name(FrameKind kind) {
  switch (kind) {
    case FrameKind::kInlined:
      return "inline";
    case FrameKind::kPython:
      return "python";
    case FrameKind::kNative:
      break;
  }
  return "native";
}

// Before and after the stack.
Json site_head_json(const Site& site) {
  return {{"id", site.id},
          {"kind", site.mapping ? "mapping" : "heap"},
          {"overflow", site.overflow},
          {"live_bytes", site.live_bytes},
          {"live_count", site.live_count},
          {"alloc_bytes", site.alloc_bytes},
          {"alloc_count", site.alloc_count},
          {"freed_bytes", site.freed_bytes},
          {"freed_count", site.freed_count},
          {"estimate_se", site.live_se},
          {"alloc_bytes_se", site.alloc_se},
          {"samples", site.samples},
          {"peak_bytes", site.peak_bytes},
          {"peak_count", site.peak_count},
          {"inherited_bytes", site.inherited_bytes},
          {"inherited_count", site.inherited_count},
          {"inherited_freed_bytes", site.inherited_freed_bytes},
          {"inherited_freed_count", site.inherited_freed_count},
          {"first_seen_s", seconds(site.first_seen_ns)}};
}

Json site_tail_json(PythonPart python, const SiteHistory* history) {
  Json points = Json::array();
  if (history != nullptr) {
    for (const SiteHistoryPoint& point : history->points) {
      points.push_back({{"t_s", seconds(point.t_ns)},
                        {"live_bytes", point.live_bytes},
                        {"live_count", point.live_count}});
    }
  }
  return {{"python_stack", string_or_null(python_part_name(python))}, {"history", points}};
}

// Call sites as text. Most of it are frames, of which each is made once.
class SiteTexts {
 public:
  explicit SiteTexts(Symbolizer& symbolizer) : symbolizer_(symbolizer) {}

  std::string operator()(const Site& site, const SiteHistory* history) {
    const SiteStack stack = symbolizer_.stack_of(site);
    std::string text = dump(site_head_json(site));
    text.back() = ',';  // in place of the closing brace
    text += "\"stack\":[";
    for (const Frame* frame : stack.frames) {
      text += frame_text(*frame);
      text += ',';
    }
    if (!stack.frames.empty()) text.pop_back();
    text += "],";
    text += std::string_view(dump(site_tail_json(stack.python, history))).substr(1);
    return text;
  }

 private:
  const std::string& frame_text(const Frame& frame) {
    const auto [known, is_new] = frames_.try_emplace(&frame);
    if (is_new) known->second = dump(frame_json(frame));
    return known->second;
  }

  Symbolizer& symbolizer_;
  std::unordered_map<const Frame*, std::string> frames_;
};

// Members and elements one a line, commas where they belong.
class Writer {
 public:
  explicit Writer(std::ostream& out) : out_(out) {}

  void member(const char* key, const Json& value) { begin(key) << dump(value); }

  template <class Items, class ToText>
  void list(const char* key, const Items& items, const ToText& to_text) {
    begin(key) << '[';
    bool first = true;
    for (const auto& item : items) {
      out_ << (first ? "\n  " : ",\n  ") << to_text(item);
      first = false;
    }
    out_ << (first ? "]" : "\n]");
  }

 private:
  std::ostream& begin(const char* key) {
    out_ << (first_ ? "{\n\"" : ",\n\"") << key << "\": ";
    first_ = false;
    return out_;
  }

  std::ostream& out_;
  bool first_ = true;
};

}  // namespace

nlohmann::ordered_json report_head(const Snapshot& snapshot) {
  return {{"schema", {{"name", "mla-report"}, {"version", kReportSchemaVersion}}},
          {"generator", {{"name", "mla"}, {"version", MLA_VERSION}}},
          {"recording",
           {{"path", snapshot.path},
            {"file_bytes", snapshot.file_bytes},
            {"duration_s", seconds(snapshot.last_ns)}}},
          {"process", process_json(snapshot.process)},
          {"status", status_name(snapshot.status)},
          {"status_detail", string_or_null(snapshot.status_detail)},
          {"stopped", stopped_json(snapshot)},
          {"totals", totals_json(snapshot.totals)},
          {"losses", losses_json(snapshot)},
          {"sampling", sampling_json(snapshot.sampling)},
          {"unwind_check", unwind_check_json(snapshot.unwind_check)}};
}

nlohmann::ordered_json frame_json(const Frame& frame) {
  return {{"function", string_or_null(frame.function)},
          {"file", string_or_null(frame.file)},
          {"line", frame.line == 0 ? Json() : Json(frame.line)},
          {"module", string_or_null(frame.module)},
          {"kind", kind_name(frame.kind)},
          {"address", frame.module.empty() ? frame.pc : frame.module_offset}};
}

nlohmann::ordered_json report_threads(const Snapshot& snapshot) {
  Json threads = Json::array();
  for (const ThreadInfo& thread : snapshot.threads) threads.push_back(thread_json(thread));
  return threads;
}

nlohmann::ordered_json report_modules(const Snapshot& snapshot) {
  Json modules = Json::array();
  for (const ModuleInfo& module : snapshot.modules) {
    if (module.end != 0) modules.push_back(module_json(module));
  }
  return modules;
}

void write_json(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer) {
  Writer writer(out);
  const Json head = report_head(snapshot);
  for (const auto& [key, value] : head.items()) writer.member(key.c_str(), value);
  writer.list("timeline", snapshot.timeline,
              [](const TimelinePoint& point) { return dump(point_json(point)); });
  writer.list("threads", report_threads(snapshot), dump);
  writer.list("modules", report_modules(snapshot), dump);
  std::vector<const SiteHistory*> history(snapshot.sites.size(), nullptr);
  for (const SiteHistory& of_site : snapshot.history) history[of_site.site_index] = &of_site;
  symbolizer.prepare([](const Site&) { return true; });
  SiteTexts texts(symbolizer);
  writer.list("sites", snapshot.sites, [&](const Site& site) {
    return texts(site, history[static_cast<size_t>(&site - snapshot.sites.data())]);
  });
  writer.member("warnings", symbolizer.warnings());
  writer.member("damage", snapshot.damage);
  out << "\n}\n";
}

}  // namespace mla
