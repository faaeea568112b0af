#include "stacks_json.h"

#include <nlohmann/json.hpp>

#include "report/utf8.h"

namespace mla {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(valid_utf8(text));
}

// As in `mla report --json`: see docs/json.md.
Json json_of(const Frame& frame) {
  const bool python = frame.kind == FrameKind::kPython;
  const bool inlined = frame.kind == FrameKind::kInlined;
  return {{"function", text_or_null(frame.function)},
          {"file", text_or_null(frame.file)},
          {"line", frame.line == 0 ? Json(nullptr) : Json(frame.line)},
          {"module", text_or_null(frame.module)},
          {"kind", python    ? "python"
                   : inlined ? "inline"
                             : "native"},
          {"address", frame.module.empty() ? frame.pc : frame.module_offset}};
}

Json json_of(const ThreadStack& thread, Symbolizer& symbolizer) {
  const SiteStack stack = symbolizer.stack_of(thread.stack);
  Json frames = Json::array();
  for (const Frame* frame : stack.frames) frames.push_back(json_of(*frame));
  return {{"tid", thread.tid},
          {"name", text_or_null(thread.name)},
          {"state", activity_name(thread.state.activity)},
          {"system_call", text_or_null(thread.state.system_call)},
          {"wait_channel", text_or_null(thread.wait_channel)},
          {"stopped", thread.state.stopped},
          {"holds_gil", thread.holds_gil},
          {"python_stack", text_or_null(python_part_name(stack.python))},
          {"stack", std::move(frames)}};
}

}  // namespace

void write_stacks_json(std::ostream& out, const ProcessStacks& stacks, Symbolizer& symbolizer) {
  const ProcessInfo& process = stacks.snapshot.process;
  const bool live = stacks.core.empty();
  Json argv = Json::array();
  for (const std::string& argument : process.argv) argv.push_back(valid_utf8(argument));
  Json threads = Json::array();
  for (const ThreadStack& thread : stacks.threads) threads.push_back(json_of(thread, symbolizer));
  Json notes = Json::array();
  for (const std::string& note : stacks.notes) notes.push_back(valid_utf8(note));
  for (const std::string& note : symbolizer.warnings()) notes.push_back(valid_utf8(note));
  const Json python = process.python_version.empty()
                          ? Json(nullptr)
                          : Json{{"version", valid_utf8(process.python_version)}};
  const Json root = {{"schema", {{"name", "mla-stacks"}, {"version", 1}}},
                     {"generator", "mla " MLA_VERSION},
                     {"pid", process.pid},
                     {"exe", text_or_null(process.exe)},
                     {"argv", std::move(argv)},
                     {"python", python},
                     {"core", text_or_null(stacks.core)},
                     {"signal", stacks.signal == 0 ? Json(nullptr) : Json(stacks.signal)},
                     {"stopped_s", live ? Json(stacks.stopped_s) : Json(nullptr)},
                     {"threads", std::move(threads)},
                     {"notes", std::move(notes)}};
  out << root.dump(2) << '\n';
}

}  // namespace mla
