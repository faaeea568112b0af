#include "report/site_match.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "ledger/ledger.h"
#include "report/line_pairs.h"
#include "report/names_short.h"

namespace mla {

namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Names as numbers, of both recordings in one table.
class Numbers {
 public:
  uint32_t of(const std::string& text) {
    return ids_.emplace(text, static_cast<uint32_t>(ids_.size())).first->second;
  }

 private:
  std::unordered_map<std::string, uint32_t> ids_;
};

// Which code of the two recordings is known to be the same.
class SameCode {
 public:
  SameCode(const Snapshot& a, const Snapshot& b) {
    std::map<std::string, std::set<std::string>> builds[2];
    std::map<Function, std::set<Body>> bodies[2];
    const Snapshot* snapshots[] = {&a, &b};
    for (size_t side = 0; side < 2; ++side) {
      for (const ModuleInfo& module : snapshots[side]->modules) {
        if (module.end != 0) builds[side][base_name(module.path)].insert(module.build_id);
      }
      const std::vector<PythonCode>& codes = snapshots[side]->python_codes;
      for (size_t i = 1; i < codes.size(); ++i) {  // [0] is none
        bodies[side][{base_name(codes[i].file), codes[i].function}].insert(
            {codes[i].first_line, codes[i].lines});
      }
    }
    for (const auto& [name, ids] : builds[0]) {
      const auto other = builds[1].find(name);
      if (other != builds[1].end() && other->second == ids && !ids.contains("")) {
        modules_.insert(name);
      }
    }
    for (const auto& [function, ours] : bodies[0]) {
      const auto other = bodies[1].find(function);
      if (other != bodies[1].end()) compare(function, ours, other->second);
    }
  }

  // Where in the same code a frame is; empty: its code is not known to be the same.
  std::string place(const Frame& frame) const {
    if (frame.kind == FrameKind::kPython) return line_within(frame);
    if (frame.module.empty() && !frame.function.empty()) return "mark";  // of the unwinder
    if (!modules_.contains(base_name(frame.module))) return "";
    return frame.line == 0 ? "+" + std::to_string(frame.module_offset) : std::to_string(frame.line);
  }

 private:
  using Function = std::pair<std::string, std::string>;  // file, name
  using Body = std::pair<uint32_t, std::string>;         // first line, table of lines

  std::string line_within(const Frame& frame) const {
    const auto same = python_.find({base_name(frame.file), frame.function});
    if (same == python_.end()) return "";
    const auto ordinal = same->second.find(frame.function_line);
    if (ordinal == same->second.end()) return "";
    return std::to_string(ordinal->second) + "+" + std::to_string(frame.line - frame.function_line);
  }

  // The same functions of a name in a file: in the same places, or the only one wherever it is.
  void compare(const Function& function, const std::set<Body>& a, const std::set<Body>& b) {
    std::map<uint32_t, uint32_t>& ordinals = python_[function];
    if (a.size() == 1 && b.size() == 1) {
      if (a.begin()->second != b.begin()->second) return;
      ordinals[a.begin()->first] = 0;
      ordinals[b.begin()->first] = 0;
      return;
    }
    for (const Body& body : a) {
      if (b.contains(body)) ordinals[body.first] = body.first;
    }
  }

  std::set<std::string> modules_;
  std::map<Function, std::map<uint32_t, uint32_t>> python_;  // first line: what stands for it
};

struct FrameKey {
  uint32_t id = 0;
  bool same_code = false;
};

using StackKey = std::vector<uint32_t>;

struct Keyed {
  StackKey key;       // the frames, outermost first
  LineVector moving;  // lines that may have moved
  LineVector all;     // every line
};

class Side {
 public:
  Side(const RecordingNames& names, const SameCode& same, Numbers& numbers)
      : names_(names), same_(same), numbers_(numbers) {}

  size_t size() const { return names_.snapshot.sites.size(); }
  const Site& site(uint32_t index) const { return names_.snapshot.sites[index]; }

  Keyed keyed(uint32_t index) {
    const Site& site = names_.snapshot.sites[index];
    Keyed result;
    // Which line happened to need one more arena is no property of the code.
    if (is_python_arena(names_.snapshot, site)) return {{numbers_.of("[arenas]")}, {}, {}};
    result.key = {kind_of(site)};
    const std::vector<const Frame*> stack = names_.symbolizer.stack_of(site).frames;
    for (auto frame = stack.rbegin(); frame != stack.rend(); ++frame) {
      if (is_own_frame(**frame)) continue;
      const FrameKey key = frame_key(**frame);
      result.key.push_back(key.id);
      if (!key.same_code && (*frame)->line == 0) offsets_[key.id].insert(offset_of(**frame));
      if (!key.same_code && (*frame)->line != 0) result.moving.push_back((*frame)->line);
      result.all.push_back((*frame)->line);
    }
    return result;
  }

  // Whether several places of the code have this frame as theirs, and no line tells them apart.
  bool is_vague(uint32_t frame) const {
    const auto offsets = offsets_.find(frame);
    return offsets != offsets_.end() && offsets->second.size() > 1;
  }

  // Empty: nothing of the stack has a name.
  StackKey names_of(uint32_t index) {
    const Site& site = names_.snapshot.sites[index];
    StackKey key;
    const std::vector<const Frame*> stack = without_interpreter(names_.symbolizer.stack_of(site));
    for (const Frame* frame : stack) {
      const auto [at, is_new] = bare_ids_.try_emplace(frame, kNoName);
      if (is_new) at->second = bare_id(*frame);
      if (at->second != kNoName) key.push_back(at->second);
    }
    if (!key.empty()) key.push_back(kind_of(site));
    return key;
  }

 private:
  static constexpr uint32_t kNoName = UINT32_MAX;

  static uint64_t offset_of(const Frame& frame) {
    return frame.module.empty() ? frame.pc : frame.module_offset;
  }

  uint32_t kind_of(const Site& site) {
    return numbers_.of(site.overflow ? "[overflow]" : site.mapping ? "[mapping]" : "[heap]");
  }

  FrameKey frame_key(const Frame& frame) {
    const auto known = frame_keys_.find(&frame);
    if (known != frame_keys_.end()) return known->second;
    FrameKey key;
    const std::string place = base_name(frame.file.empty() ? frame.module : frame.file);
    std::string text = frame.function;
    text.append(1, '\n').append(place);
    const std::string in_same_code = same_.place(frame);
    text.append(1, '\n').append(in_same_code);
    if (in_same_code.empty()) text.append(frame.line == 0 ? "?" : "");
    key.same_code = !in_same_code.empty();
    key.id = numbers_.of(text);
    frame_keys_.emplace(&frame, key);
    return key;
  }

  uint32_t bare_id(const Frame& frame) {
    if (frame.function.empty() || is_allocation_plumbing(frame)) return kNoName;
    const bool python = frame.kind == FrameKind::kPython;
    // Before CPython 3.11 a method's name is without its class.
    std::string name = python ? frame.function.substr(frame.function.rfind('.') + 1)
                              : bare_function(frame.function);
    if (name.empty() || name.starts_with("std::") || name.starts_with("__gnu_cxx::")) {
      return kNoName;
    }
    name.append(python ? "\npython\n" : "\n\n").append(same_.place(frame));
    return numbers_.of(name);
  }

  const RecordingNames& names_;
  const SameCode& same_;
  Numbers& numbers_;
  std::unordered_map<const Frame*, FrameKey> frame_keys_;
  std::unordered_map<const Frame*, uint32_t> bare_ids_;
  std::unordered_map<uint32_t, std::set<uint64_t>> offsets_;  // of frames without a line
};

// Sites of one recording whose stacks read the same.
struct Entry {
  std::vector<uint32_t> sites;
  LineVector all;
  uint64_t alloc_bytes = 0;
  uint64_t alloc_count = 0;
};

struct Group {
  std::map<LineVector, Entry> a;
  std::map<LineVector, Entry> b;
};

void append(std::vector<uint32_t>& to, const std::vector<uint32_t>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::vector<LinedSite> lines_of(const std::map<LineVector, Entry>& entries) {
  std::vector<LinedSite> lines;
  for (const auto& [moving, entry] : entries) {
    const double mean = entry.alloc_count == 0 ? 0
                                               : static_cast<double>(entry.alloc_bytes) /
                                                     static_cast<double>(entry.alloc_count);
    lines.push_back({moving, mean});
  }
  return lines;
}

std::vector<const Entry*> list(const std::map<LineVector, Entry>& entries) {
  std::vector<const Entry*> result;
  for (const auto& [moving, entry] : entries) result.push_back(&entry);
  return result;
}

// The matches of a group; what has no partner goes to `left`.
void match_group(const Group& group, bool vague, std::vector<SiteMatch>& matches, SiteMatch& left) {
  const std::vector<const Entry*> a = list(group.a);
  const std::vector<const Entry*> b = list(group.b);
  const std::vector<LinedSite> lines_a = lines_of(group.a);
  const std::vector<LinedSite> lines_b = lines_of(group.b);
  const auto pairs = pair_lines(lines_a, lines_b);
  if (!pairs) {
    SiteMatch& together = matches.emplace_back();
    together.kind = MatchKind::kFunctions;
    for (const Entry* entry : a) append(together.a, entry->sites);
    for (const Entry* entry : b) append(together.b, entry->sites);
    return;
  }
  const bool all_paired = pairs->size() == a.size() && pairs->size() == b.size();
  std::vector<bool> taken[2] = {std::vector<bool>(a.size()), std::vector<bool>(b.size())};
  for (const auto& [i, k] : *pairs) {
    // Of several lines of code that was changed an equal one may be another one.
    const bool fits = (a.size() == 1 && b.size() == 1) || sizes_agree(lines_a[i], lines_b[k]);
    const MatchKind kind = vague                    ? MatchKind::kFunctions
                           : !fits                  ? MatchKind::kNearest
                           : a[i]->all == b[k]->all ? MatchKind::kSame
                           : all_paired             ? MatchKind::kMoved
                                                    : MatchKind::kNearest;
    matches.push_back({kind, a[i]->sites, b[k]->sites});
    taken[0][i] = taken[1][k] = true;
  }
  // Of what both have left it is known that it is not each other: its names would say that it is.
  const bool known = pairs->size() < a.size() && pairs->size() < b.size() && !pairs->empty();
  for (size_t i = 0; i < a.size(); ++i) {
    if (taken[0][i]) continue;
    if (known) {
      matches.push_back({MatchKind::kOnlyA, a[i]->sites, {}});
    } else {
      append(left.a, a[i]->sites);
    }
  }
  for (size_t i = 0; i < b.size(); ++i) {
    if (taken[1][i]) continue;
    if (known) {
      matches.push_back({MatchKind::kOnlyB, {}, b[i]->sites});
    } else {
      append(left.b, b[i]->sites);
    }
  }
}

void match_names(const SiteMatch& left, Side& a, Side& b, std::vector<SiteMatch>& matches) {
  std::map<StackKey, SiteMatch> by_names;
  for (const uint32_t site : left.a) by_names[a.names_of(site)].a.push_back(site);
  for (const uint32_t site : left.b) by_names[b.names_of(site)].b.push_back(site);
  for (auto& [names, match] : by_names) {
    if (!names.empty() && !match.a.empty() && !match.b.empty()) {
      match.kind = MatchKind::kNames;
      matches.push_back(std::move(match));
      continue;
    }
    for (const uint32_t site : match.a) matches.push_back({MatchKind::kOnlyA, {site}, {}});
    for (const uint32_t site : match.b) matches.push_back({MatchKind::kOnlyB, {}, {site}});
  }
}

// Without what stands in the outermost pairs of brackets. The text as it is if they do not match.
std::string without_brackets(const std::string& text, char open, char close) {
  std::string result;
  int depth = 0;
  for (const char c : text) {
    if (c == open) ++depth;
    if (depth == 0) result += c;
    if (c == close && --depth < 0) return text;
  }
  return depth == 0 ? result : text;
}

}  // namespace

std::string match_kind_name(MatchKind kind) {
  static constexpr const char* kNames[kMatchKinds] = {"same",  "moved",  "nearest", "functions",
                                                      "names", "only_a", "only_b"};
  return kNames[static_cast<size_t>(kind)];
}

std::string bare_function(const std::string& function) {
  std::string name = function.substr(0, function.find(" [clone "));
  if (name.find("operator") != std::string::npos) return name;
  for (size_t at = 0; (at = name.find("(anonymous namespace)", at)) != std::string::npos;) {
    name.replace(at, 21, "{anonymous}");
  }
  name = without_brackets(name, '<', '>');
  name = name.substr(0, name.find('('));
  return name.substr(name.rfind(' ') + 1);  // a template's name begins with what it returns
}

std::vector<SiteMatch> match_sites(const RecordingNames& a, const RecordingNames& b) {
  const SameCode same(a.snapshot, b.snapshot);
  Numbers numbers;
  Side side_a(a, same, numbers);
  Side side_b(b, same, numbers);
  std::map<StackKey, Group> groups;
  const auto fill = [&groups](Side& side, std::map<LineVector, Entry> Group::*entries) {
    for (uint32_t site = 0; site < side.size(); ++site) {
      Keyed keyed = side.keyed(site);
      Entry& entry = (groups[keyed.key].*entries)[keyed.moving];
      entry.sites.push_back(site);
      entry.all = std::move(keyed.all);
      entry.alloc_bytes += side.site(site).alloc_bytes;
      entry.alloc_count += side.site(site).alloc_count;
    }
  };
  fill(side_a, &Group::a);
  fill(side_b, &Group::b);
  std::vector<SiteMatch> matches;
  SiteMatch left;
  for (const auto& [key, group] : groups) {
    const bool vague = std::any_of(key.begin(), key.end(), [&](uint32_t frame) {
      return side_a.is_vague(frame) || side_b.is_vague(frame);
    });
    match_group(group, vague, matches, left);
  }
  match_names(left, side_a, side_b, matches);
  return matches;
}

}  // namespace mla
