#include "report/speedscope.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_map>

#include "report/utf8.h"

namespace mla {
namespace {

using Json = nlohmann::ordered_json;

// The frames of the file: the same function at the same line is one.
class Frames {
 public:
  size_t add(const Frame& frame) {
    const auto known = by_address_.find(&frame);
    if (known != by_address_.end()) return known->second;
    const std::string& place = frame.file.empty() ? frame.module : frame.file;
    const size_t index = add(printable(frame_label(frame)), printable(place), frame.line);
    by_address_.emplace(&frame, index);
    return index;
  }
  size_t add(const std::string& name, const std::string& file, uint32_t line) {
    const auto [at, is_new] = index_.emplace(std::tuple(name, file, line), index_.size());
    if (is_new) {
      Json frame{{"name", name}};
      if (!file.empty()) frame["file"] = file;
      if (line != 0) frame["line"] = line;
      json_.push_back(std::move(frame));
    }
    return at->second;
  }
  const Json& json() const { return json_; }

 private:
  std::map<std::tuple<std::string, std::string, uint32_t>, size_t> index_;
  std::unordered_map<const Frame*, size_t> by_address_;
  Json json_ = Json::array();
};

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void write_speedscope(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                      StackValue value, bool native) {
  std::vector<CountedStack> stacks = counted_stacks(snapshot, symbolizer, native);
  std::stable_sort(stacks.begin(), stacks.end(),
                   [value](const CountedStack& a, const CountedStack& b) {
                     return a.counts.bytes(value) > b.counts.bytes(value);
                   });
  Frames frames;
  Json samples = Json::array();
  Json weights = Json::array();
  uint64_t total = 0;
  for (const CountedStack& stack : stacks) {
    const uint64_t bytes = stack.counts.bytes(value);
    if (bytes == 0) break;
    Json sample = Json::array();
    for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
      sample.push_back(frames.add(**frame));
    }
    if (stack.frames.empty()) sample.push_back(frames.add(stack.instead, "", 0));
    samples.push_back(std::move(sample));
    weights.push_back(bytes);
    total += bytes;
  }
  const std::string name = printable(base_name(snapshot.process.exe)) + " " +
                           std::to_string(snapshot.process.pid) + ", bytes " + value_name(value);
  const Json document{{"$schema", "https://www.speedscope.app/file-format-schema.json"},
                      {"exporter", "mla@" MLA_VERSION},
                      {"name", name},
                      {"activeProfileIndex", 0},
                      {"shared", {{"frames", frames.json()}}},
                      {"profiles", Json::array({{{"type", "sampled"},
                                                 {"name", name},
                                                 {"unit", "bytes"},
                                                 {"startValue", 0},
                                                 {"endValue", total},
                                                 {"samples", std::move(samples)},
                                                 {"weights", std::move(weights)}}})}};
  out << document.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace mla
