#include "report/pprof.h"

#include <algorithm>
#include <map>
#include <protozero/pbf_builder.hpp>
#include <unordered_map>
#include <utility>

#include "reader/error.h"
#include "report/utf8.h"

namespace mla {
namespace {

enum class ProfileField : protozero::pbf_tag_type {
  kSampleType = 1,
  kSample = 2,
  kMapping = 3,
  kLocation = 4,
  kFunction = 5,
  kStringTable = 6,
  kTimeNanos = 9,
  kDurationNanos = 10,
  kPeriodType = 11,
  kPeriod = 12,
  kComment = 13,
  kDefaultSampleType = 14,
};
enum class ValueTypeField : protozero::pbf_tag_type { kType = 1, kUnit = 2 };
enum class SampleField : protozero::pbf_tag_type { kLocationId = 1, kValue = 2 };
enum class MappingField : protozero::pbf_tag_type {
  kId = 1,
  kMemoryStart = 2,
  kMemoryLimit = 3,
  kFilename = 5,
  kBuildId = 6,
  kHasFunctions = 7,
  kHasFilenames = 8,
  kHasLineNumbers = 9,
  kHasInlineFrames = 10,
};
enum class LocationField : protozero::pbf_tag_type {
  kId = 1,
  kMappingId = 2,
  kAddress = 3,
  kLine = 4,
};
enum class LineField : protozero::pbf_tag_type { kFunctionId = 1, kLine = 2 };
enum class FunctionField : protozero::pbf_tag_type {
  kId = 1,
  kName = 2,
  kFilename = 4,
};

constexpr uint64_t kFirstAddress = 0x1000;  // below it: marks, see format::PcMark
// Pyroscope takes symbols of up to 65,535 bytes; a column is at most four.
constexpr size_t kLongestName = 16'000;
constexpr const char* kOther = "[other call sites]";
constexpr const char* kCut = "[outer frames left out]";

struct SampleType {
  const char* type;
  const char* unit;
  uint64_t StackCounts::*value;
};

std::vector<SampleType> sample_types(StackValue value) {
  std::vector<SampleType> types{{"alloc_objects", "count", &StackCounts::alloc_count},
                                {"alloc_space", "bytes", &StackCounts::alloc_bytes},
                                {"inuse_objects", "count", &StackCounts::live_count},
                                {"inuse_space", "bytes", &StackCounts::live_bytes}};
  if (value == StackValue::kPeak) {
    types.push_back({"peak_objects", "count", &StackCounts::peak_count});
    types.push_back({"peak_space", "bytes", &StackCounts::peak_bytes});
  }
  if (value == StackValue::kGrowth) {
    types.push_back({"growth_space", "bytes", &StackCounts::growth_bytes});
  }
  return types;
}

const char* default_type(StackValue value) {
  switch (value) {
    case StackValue::kAllocated:
      return "alloc_space";
    case StackValue::kPeak:
      return "peak_space";
    case StackValue::kGrowth:
      return "growth_space";
    case StackValue::kLive:
      break;
  }
  return "inuse_space";
}

// One message under construction, written field by field; ids are given in order of first use.
class Profile {
 public:
  using Message = protozero::pbf_builder<ProfileField>;

  explicit Profile(const Snapshot& snapshot) : message_(bytes_) {
    string("");
    // The program first, also when none of its code is in a stack.
    for (size_t i = 1; i < snapshot.modules.size(); ++i) modules_.push_back(&snapshot.modules[i]);
    const auto program = std::find_if(
        modules_.begin(), modules_.end(),
        [&](const ModuleInfo* module) { return module->path == snapshot.process.exe; });
    if (program != modules_.end()) {
      std::rotate(modules_.begin(), program, program + 1);
    } else {
      absent_program_.path = snapshot.process.exe;
      modules_.insert(modules_.begin(), &absent_program_);
    }
    for (const ModuleInfo* module : modules_) mapping(*module);
  }

  Message& message() { return message_; }

  int64_t string(const std::string& text) {
    const auto [at, is_new] = strings_.emplace(text, static_cast<int64_t>(strings_.size()));
    if (is_new) message_.add_string(ProfileField::kStringTable, text);
    return at->second;
  }

  void value_type(ProfileField field, const char* type, const char* unit) {
    const int64_t type_id = string(type);
    const int64_t unit_id = string(unit);
    protozero::pbf_builder<ValueTypeField> value(message_, field);
    value.add_int64(ValueTypeField::kType, type_id);
    value.add_int64(ValueTypeField::kUnit, unit_id);
  }

  // Ids of the locations of a stack, leaf first.
  std::vector<uint64_t> locations(const std::vector<const Frame*>& frames) {
    std::vector<uint64_t> ids;
    for (auto frame = frames.begin(); frame != frames.end();) {
      auto end = frame;
      while (end != frames.end() && (*end)->kind == FrameKind::kInlined) ++end;
      if (end != frames.end()) ++end;
      ids.push_back(location(frame, end));
      frame = end;
    }
    return ids;
  }

  // Of a function without a place, which stands for something: "[other call sites]".
  uint64_t stand_in(const char* name) {
    const auto [at, is_new] = stand_ins_.emplace(name, last_location_ + 1);
    if (is_new) {
      const uint64_t id = function(name, "");
      protozero::pbf_builder<LocationField> location(message_, ProfileField::kLocation);
      location.add_uint64(LocationField::kId, ++last_location_);
      add_line(location, id, 0);
    }
    return at->second;
  }

  void sample(const std::vector<uint64_t>& locations, const std::vector<int64_t>& values) {
    protozero::pbf_builder<SampleField> sample(message_, ProfileField::kSample);
    sample.add_packed_uint64(SampleField::kLocationId, locations.begin(), locations.end());
    sample.add_packed_int64(SampleField::kValue, values.begin(), values.end());
  }

  std::string take() { return std::move(bytes_); }

 private:
  using Frames = std::vector<const Frame*>::const_iterator;

  void mapping(const ModuleInfo& module) {
    const int64_t file = string(printable(module.path));
    const int64_t build_id = string(module.build_id);
    protozero::pbf_builder<MappingField> mapping(message_, ProfileField::kMapping);
    mapping.add_uint64(MappingField::kId, ++last_mapping_);
    mapping.add_uint64(MappingField::kMemoryStart, module.start);
    mapping.add_uint64(MappingField::kMemoryLimit, module.end);
    mapping.add_int64(MappingField::kFilename, file);
    mapping.add_int64(MappingField::kBuildId, build_id);
    // Every address has a name here: a tool that looked it up again would look at its own files.
    for (const MappingField field :
         {MappingField::kHasFunctions, MappingField::kHasFilenames, MappingField::kHasLineNumbers,
          MappingField::kHasInlineFrames}) {
      mapping.add_bool(field, true);
    }
  }

  // 0: code of no file. The same file may have been loaded more than once.
  uint64_t mapping_of(const Frame& frame) const {
    uint64_t found = 0;
    for (size_t i = 0; i < modules_.size() && !frame.module.empty(); ++i) {
      const ModuleInfo& module = *modules_[i];
      if (module.path != frame.module) continue;
      const bool inside = frame.pc >= module.start && frame.pc <= module.end;
      if (inside || found == 0) found = i + 1;
      if (inside) break;
    }
    return found;
  }

  uint64_t function(const std::string& name, const std::string& file) {
    const int64_t name_id = string(cut_right(printable(name), kLongestName));
    const int64_t file_id = string(printable(file));
    const auto [at, is_new] =
        functions_.emplace(std::pair(name_id, file_id), functions_.size() + 1);
    if (is_new) {
      protozero::pbf_builder<FunctionField> function(message_, ProfileField::kFunction);
      function.add_uint64(FunctionField::kId, at->second);
      function.add_int64(FunctionField::kName, name_id);
      // No system_name: where it is as the name, pprof takes "<module>" for template arguments.
      function.add_int64(FunctionField::kFilename, file_id);
    }
    return at->second;
  }

  static void add_line(protozero::pbf_builder<LocationField>& location, uint64_t function,
                       uint32_t number) {
    protozero::pbf_builder<LineField> line(location, LocationField::kLine);
    line.add_uint64(LineField::kFunctionId, function);
    line.add_int64(LineField::kLine, number);
  }

  // Of one address: its inlined functions, innermost first, and the one they were compiled into.
  uint64_t location(Frames begin, Frames end) {
    const Frame& outer = **(end - 1);
    const auto known = locations_.find(&outer);
    if (known != locations_.end()) return known->second;
    std::vector<uint64_t> functions;
    for (auto frame = begin; frame != end; ++frame) {
      functions.push_back(function(frame_label(**frame), (*frame)->file));
    }
    protozero::pbf_builder<LocationField> location(message_, ProfileField::kLocation);
    location.add_uint64(LocationField::kId, ++last_location_);
    if (outer.kind != FrameKind::kPython && outer.pc >= kFirstAddress) {
      location.add_uint64(LocationField::kMappingId, mapping_of(outer));
      location.add_uint64(LocationField::kAddress, outer.pc);
    }
    for (auto frame = begin; frame != end; ++frame) {
      add_line(location, functions[static_cast<size_t>(frame - begin)], (*frame)->line);
    }
    locations_.emplace(&outer, last_location_);
    return last_location_;
  }

  std::string bytes_;
  Message message_;
  std::vector<const ModuleInfo*> modules_;  // by id of their mapping - 1
  ModuleInfo absent_program_;
  uint64_t last_mapping_ = 0;
  uint64_t last_location_ = 0;
  std::unordered_map<std::string, int64_t> strings_;
  std::map<std::pair<int64_t, int64_t>, uint64_t> functions_;
  std::unordered_map<const Frame*, uint64_t> locations_;  // by the outermost of its frames
  std::map<std::string, uint64_t> stand_ins_;
};

void add_head(Profile& profile, const Snapshot& snapshot, const PprofOptions& options) {
  for (const SampleType& type : sample_types(options.value)) {
    profile.value_type(ProfileField::kSampleType, type.type, type.unit);
  }
  profile.value_type(ProfileField::kPeriodType, "space", "bytes");
  const int64_t default_id = profile.string(default_type(options.value));
  const int64_t comment = profile.string(
      snapshot.sampling.estimates ? "mla " MLA_VERSION ": sampled; values are estimates of all"
                                  : "mla " MLA_VERSION ": every allocation");
  Profile::Message& message = profile.message();
  message.add_int64(ProfileField::kPeriod,
                    static_cast<int64_t>(std::max<uint64_t>(1, snapshot.sampling.interval_bytes)));
  message.add_int64(ProfileField::kDefaultSampleType, default_id);
  message.add_int64(ProfileField::kComment, comment);
  message.add_int64(ProfileField::kTimeNanos, static_cast<int64_t>(options.time_unix_ns));
  message.add_int64(ProfileField::kDurationNanos, static_cast<int64_t>(snapshot.last_ns));
}

// With the first `kept` stacks; the others are one.
Pprof encode(const Snapshot& snapshot, const std::vector<CountedStack>& stacks, size_t kept,
             const PprofOptions& options) {
  const std::vector<SampleType> types = sample_types(options.value);
  Profile profile(snapshot);
  add_head(profile, snapshot, options);
  Pprof result;
  const auto add = [&](const std::vector<uint64_t>& locations, const StackCounts& counts) {
    std::vector<int64_t> values;
    values.reserve(types.size());
    for (const SampleType& type : types) {
      values.push_back(static_cast<int64_t>(counts.*type.value));
    }
    profile.sample(locations, values);
    ++result.samples;
  };
  for (size_t i = 0; i < kept; ++i) {
    const CountedStack& stack = stacks[i];
    // What is inlined counts as a frame, too.
    const bool cut = options.limits.frames != 0 && stack.frames.size() > options.limits.frames;
    const size_t frames = cut ? options.limits.frames - 1 : stack.frames.size();
    std::vector<uint64_t> locations = profile.locations(
        {stack.frames.begin(), stack.frames.begin() + static_cast<ptrdiff_t>(frames)});
    if (cut) locations.push_back(profile.stand_in(kCut));
    if (locations.empty()) locations.push_back(profile.stand_in(stack.instead.c_str()));
    result.cut_stacks += cut ? 1 : 0;
    add(locations, stack.counts);
  }
  StackCounts other;
  for (size_t i = kept; i < stacks.size(); ++i) other += stacks[i].counts;
  result.other_stacks = stacks.size() - kept;
  result.other_live_bytes = other.live_bytes;
  if (result.other_stacks != 0) add({profile.stand_in(kOther)}, other);
  result.bytes = profile.take();
  return result;
}

// The larger of its shares of what is alive and what was allocated.
void rank_by_share(std::vector<CountedStack>& stacks) {
  StackCounts total;
  for (const CountedStack& stack : stacks) total += stack.counts;
  const auto live = static_cast<double>(std::max<uint64_t>(1, total.live_bytes));
  const auto allocated = static_cast<double>(std::max<uint64_t>(1, total.alloc_bytes));
  const auto share = [=](const CountedStack& stack) {
    return std::max(static_cast<double>(stack.counts.live_bytes) / live,
                    static_cast<double>(stack.counts.alloc_bytes) / allocated);
  };
  std::stable_sort(stacks.begin(), stacks.end(), [&](const CountedStack& a, const CountedStack& b) {
    return share(a) > share(b);
  });
}

}  // namespace

uint64_t last_unix_ns(const Snapshot& snapshot) {
  return snapshot.process.start_realtime_ns + snapshot.last_ns;
}

Pprof make_pprof(const Snapshot& snapshot, Symbolizer& symbolizer, const PprofOptions& options) {
  std::vector<CountedStack> stacks = counted_stacks(snapshot, symbolizer, options.native);
  std::erase_if(stacks, [](const CountedStack& stack) {  // of blocks that were inherited
    return stack.counts.alloc_count == 0 && stack.counts.live_bytes == 0;
  });
  const PprofLimits& limits = options.limits;
  const auto fits = [&limits](const Pprof& profile) {
    return limits.bytes == 0 || profile.bytes.size() <= limits.bytes;
  };
  size_t kept = stacks.size();
  if (limits.samples != 0 && kept > limits.samples) kept = limits.samples - 1;
  if (limits.samples != 0 || limits.bytes != 0) rank_by_share(stacks);
  Pprof best = encode(snapshot, stacks, kept, options);
  if (fits(best)) return best;
  // The most stacks that fit: the size grows with their number.
  best = encode(snapshot, stacks, 0, options);
  if (!fits(best)) {
    throw Error(
        snapshot.path,
        "its modules alone make a profile of " + std::to_string(best.bytes.size()) + " bytes",
        "export it with `mla report --pprof` instead");
  }
  size_t fitting = 0;
  while (kept - fitting > 1) {
    const size_t middle = fitting + (kept - fitting) / 2;
    Pprof next = encode(snapshot, stacks, middle, options);
    if (fits(next)) {
      fitting = middle;
      best = std::move(next);
    } else {
      kept = middle;
    }
  }
  return best;
}

}  // namespace mla
