#include "objects_text.h"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "report/text_stack.h"
#include "report/units.h"
#include "report/utf8.h"
#include "words.h"

namespace mla {
namespace {

using format::ObjectsFlag;
using format::ObjectTotals;
using Json = nlohmann::ordered_json;

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }
uint64_t count_of(const ObjectTotals& t) { return t.tracked_count + t.other_count; }
uint64_t bytes_of(const ObjectTotals& t) { return t.tracked_bytes + t.other_bytes; }
int64_t growth_of(const ObjectType& type) {
  return static_cast<int64_t>(bytes_of(type.now) - bytes_of(type.before));
}

std::string milliseconds(uint64_t ns) {
  if (ns >= 1'000'000'000) return human_seconds(seconds(ns));
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << static_cast<double>(ns) / 1e6 << " ms";
  return text.str();
}

std::string right(const std::string& text, size_t width) {
  return std::string(text.size() < width ? width - text.size() : 0, ' ') + text;
}

// Of the difference: "+12", "-3", "-" when there is none.
template <class Format>
std::string with_sign(uint64_t now, uint64_t before, Format format) {
  if (now == before) return "-";
  std::ostringstream text;
  text << (now > before ? '+' : '-') << format(now > before ? now - before : before - now);
  return text.str();
}

std::string signed_count(uint64_t now, uint64_t before) {
  return with_sign(now, before, with_commas);
}

std::string signed_bytes(uint64_t now, uint64_t before) {
  return with_sign(now, before, human_bytes);
}

class ObjectsText {
 public:
  ObjectsText(std::ostream& out, const Snapshot& snapshot, const ObjectsTextOptions& options)
      : out_(out),
        snapshot_(snapshot),
        objects_(snapshot.objects),
        options_(options),
        style_(options.colour) {}

  void write() {
    write_header();
    write_collection();
    write_types("largest", objects_.types, false);
    if (objects_.before_t_ns != 0) write_growth();
    write_collector();
    write_warnings();
  }

 private:
  void write_header() {
    out_ << style_.bold() << cut_right(command_of(snapshot_.process), options_.width)
         << style_.off() << "\npid " << snapshot_.process.pid << ", CPython "
         << printable(snapshot_.process.python_version) << '\n'
         << with_commas(objects_.now.tracked_count) << " objects of the collector, "
         << human_bytes(objects_.now.tracked_bytes) << "; " << with_commas(objects_.now.other_count)
         << " others reached from them, " << human_bytes(objects_.now.other_bytes) << "; "
         << objects_.type_count << " types\n";
    if (!options_.fresh) {
      out_ << "counted " << human_seconds(seconds(objects_.t_ns)) << " after the start\n";
    }
    out_ << "the interpreter stood still for " << milliseconds(objects_.held_ns)
         << " while they were counted\n";
  }

  void write_collection() {
    if (!objects_.has(ObjectsFlag::kCollected)) return;
    const uint64_t before = count_of(objects_.uncollected);
    out_ << '\n'
         << "A full collection of " << milliseconds(objects_.collect_ns) << " found "
         << with_commas(objects_.collected) << " unreachable objects: " << with_commas(before)
         << " objects became " << with_commas(count_of(objects_.now)) << ", "
         << human_bytes(bytes_of(objects_.uncollected)) << " of them "
         << human_bytes(bytes_of(objects_.now)) << ", RSS " << human_bytes(objects_.rss_before)
         << " became " << human_bytes(objects_.rss_after) << " ("
         << signed_bytes(objects_.rss_after, objects_.rss_before) << ")\n";
  }

  void write_growth() {
    std::vector<ObjectType> grown;
    std::copy_if(objects_.types.begin(), objects_.types.end(), std::back_inserter(grown),
                 [](const ObjectType& type) { return growth_of(type) > 0; });
    std::stable_sort(grown.begin(), grown.end(), [](const ObjectType& a, const ObjectType& b) {
      return growth_of(a) > growth_of(b);
    });
    const std::string since =
        "since the count " +
        human_seconds(seconds(objects_.t_ns - std::min(objects_.t_ns, objects_.before_t_ns))) +
        " before";
    if (grown.empty()) {
      out_ << "\nno type has grown " << since << '\n';
    } else {
      write_types("grown most " + since, grown, true);
    }
  }

  void write_types(const std::string& title, const std::vector<ObjectType>& types, bool growth) {
    out_ << '\n' << right("count", 12) << right("bytes", 12);
    if (growth) out_ << right("more", 12) << right("bytes", 12);
    out_ << "  " << style_.bold() << title << style_.off() << '\n';
    size_t shown = 0;
    for (const ObjectType& type : types) {
      if (shown == options_.rows) break;
      if (count_of(type.now) == 0) continue;
      ++shown;
      out_ << right(with_commas(count_of(type.now)), 12)
           << right(human_bytes(bytes_of(type.now)), 12);
      if (growth) {
        out_ << right(signed_count(count_of(type.now), count_of(type.before)), 12)
             << right(signed_bytes(bytes_of(type.now), bytes_of(type.before)), 12);
      }
      out_ << "  " << printable(type.name) << '\n';
    }
  }

  void write_collector() {
    if (objects_.has(ObjectsFlag::kGcReadable)) {
      const auto& g = objects_.generations;
      out_ << "\nThe collector is "
           << (objects_.has(ObjectsFlag::kGcEnabled) ? "enabled" : "disabled") << ": thresholds "
           << triple([&](size_t i) { return g[i].threshold; }) << ", counts "
           << triple([&](size_t i) { return g[i].count; }) << ", collections "
           << triple([&](size_t i) { return g[i].collections; }) << ", collected "
           << triple([&](size_t i) { return g[i].collected; }) << ", uncollectable "
           << triple([&](size_t i) { return g[i].uncollectable; }) << '\n';
    }
    if (objects_.garbage == 0) {
      out_ << "gc.garbage is empty: there are no uncollectable objects\n";
      return;
    }
    out_ << "gc.garbage holds " << counted(objects_.garbage, "object") << ":";
    for (const ObjectType& type : objects_.types) {
      if (type.garbage != 0)
        out_ << ' ' << with_commas(type.garbage) << ' ' << printable(type.name);
    }
    out_ << '\n';
  }

  template <class F>
  std::string triple(F value) {
    return std::to_string(value(0)) + "/" + std::to_string(value(1)) + "/" +
           std::to_string(value(2));
  }

  void write_warnings() {
    if (objects_.has(ObjectsFlag::kOthersCut)) {
      out_ << "warning: more than 8 million objects beside the collector's: the rest is in no "
              "figure\n";
    }
    if (objects_.has(ObjectsFlag::kTypesCut)) {
      out_ << "warning: more types than there is room for: the rest is in no figure\n";
    }
  }

  std::ostream& out_;
  const Snapshot& snapshot_;
  const ObjectCounts& objects_;
  const ObjectsTextOptions& options_;
  const Style style_;
};

Json totals_of(const ObjectTotals& t) {
  return {{"count", count_of(t)},
          {"bytes", bytes_of(t)},
          {"tracked_count", t.tracked_count},
          {"tracked_bytes", t.tracked_bytes}};
}

}  // namespace

void write_objects_text(std::ostream& out, const Snapshot& snapshot,
                        const ObjectsTextOptions& options) {
  ObjectsText(out, snapshot, options).write();
}

void write_objects_json(std::ostream& out, const Snapshot& snapshot) {
  const ObjectCounts& objects = snapshot.objects;
  Json document;
  document["schema"] = {{"name", "mla-py"}, {"version", kObjectsSchemaVersion}};
  document["file"] = valid_utf8(snapshot.path);
  document["pid"] = snapshot.process.pid;
  document["python"] = valid_utf8(snapshot.process.python_version);
  document["t_s"] = seconds(objects.t_ns);
  document["lock_waited_s"] = seconds(objects.waited_ns);
  document["lock_held_s"] = seconds(objects.held_ns);
  document["complete"] =
      !objects.has(ObjectsFlag::kOthersCut) && !objects.has(ObjectsFlag::kTypesCut);
  document["objects"] = totals_of(objects.now);
  const bool compared = objects.before_t_ns != 0;
  document["before"] = nullptr;
  if (compared) {
    document["before"] = totals_of(objects.before);
    document["before"]["t_s"] = seconds(objects.before_t_ns);
  }
  document["type_count"] = objects.type_count;
  document["types"] = Json::array();
  for (const ObjectType& type : objects.types) {
    Json row = {{"type", valid_utf8(type.name)}};
    row.update(totals_of(type.now));
    row["before"] = compared ? totals_of(type.before) : Json(nullptr);
    row["garbage_count"] = type.garbage;
    document["types"].push_back(row);
  }
  document["garbage_count"] = objects.garbage;
  document["gc"] = nullptr;
  if (objects.has(ObjectsFlag::kGcReadable)) {
    Json generations = Json::array();
    for (const format::GcGeneration& g : objects.generations) {
      generations.push_back({{"threshold", g.threshold},
                             {"count", g.count},
                             {"collections", g.collections},
                             {"collected", g.collected},
                             {"uncollectable", g.uncollectable}});
    }
    document["gc"] = {{"enabled", objects.has(ObjectsFlag::kGcEnabled)},
                      {"generations", generations}};
  }
  document["collection"] = nullptr;
  if (objects.has(ObjectsFlag::kCollected)) {
    document["collection"] = {{"unreachable_count", objects.collected},
                              {"took_s", seconds(objects.collect_ns)},
                              {"rss_before_bytes", objects.rss_before},
                              {"rss_after_bytes", objects.rss_after},
                              {"objects_before", totals_of(objects.uncollected)}};
  }
  out << document.dump(2) << '\n';
}

}  // namespace mla
