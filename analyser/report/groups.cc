#include "report/groups.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "report/names_short.h"

namespace mla {

namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The name of the package a file of Python belongs to: the first one below the directory where
// packages are installed, else the file itself.
std::string python_module(std::string file) {
  for (const std::string_view frozen : {"<frozen ", "<"}) {
    if (file.starts_with(frozen)) {
      file = file.substr(frozen.size(), file.find_last_not_of('>') + 1 - frozen.size());
      return file.substr(0, file.find('.'));
    }
  }
  size_t begin = std::string::npos;
  for (const std::string_view where : {"/site-packages/", "/dist-packages/"}) {
    const size_t at = file.rfind(where);
    if (at != std::string::npos) begin = at + where.size();
  }
  const size_t library = file.rfind("/lib/python");
  if (begin == std::string::npos && library != std::string::npos) {
    const size_t slash = file.find('/', library + std::string_view("/lib/python").size());
    if (slash != std::string::npos) begin = slash + 1;
  }
  std::string name = begin == std::string::npos ? base_name(file)
                                                : file.substr(begin, file.find('/', begin) - begin);
  if (name.ends_with(".py")) name.resize(name.size() - 3);
  return name;
}

// Name and source of the group.
std::pair<std::string, std::string> key_of(const Frame* frame, Grouping by) {
  if (frame == nullptr) return {"[no stack]", ""};
  const std::string& place = frame->file.empty() ? frame->module : frame->file;
  switch (by) {
    case Grouping::kModule:
      return {module_of(*frame), ""};
    case Grouping::kFile:
      return {place.empty() ? frame_label(*frame) : place, ""};
    case Grouping::kFunction:
      return {frame_label(*frame), place};
    case Grouping::kLine:
    case Grouping::kSite:
      break;
  }
  return {frame_label(*frame),
          frame->line == 0 ? place : place + ":" + std::to_string(frame->line)};
}

}  // namespace

const Frame* responsible_frame(const SiteStack& stack) {
  const Frame* native = nullptr;
  for (const Frame* frame : stack.frames) {
    if (frame->kind == FrameKind::kPython) return frame;
    if (native == nullptr && !is_allocation_plumbing(*frame)) native = frame;
  }
  return native != nullptr || stack.frames.empty() ? native : stack.frames.front();
}

std::string module_of(const Frame& frame) {
  if (frame.kind == FrameKind::kPython) return python_module(frame.file);
  return frame.module.empty() ? "[code of no file]" : base_name(frame.module);
}

std::vector<SiteGroup> group_sites(const Snapshot& snapshot, Symbolizer& symbolizer,
                                   SiteOrder order, Grouping by) {
  std::map<std::pair<std::string, std::string>, SiteGroup> groups;
  std::unordered_map<const Frame*, SiteGroup*> group_of;
  for (const Site& site : snapshot.sites) {
    const uint64_t value = site_value(site, order);
    if (site.mapping || value == 0) continue;
    const Frame* frame = responsible_frame(symbolizer.stack_of(site));
    SiteGroup*& group = group_of[frame];
    if (group == nullptr) group = &groups[key_of(frame, by)];
    group->value += value;
    group->live_count += site.live_count;
    ++group->sites;
  }
  std::vector<SiteGroup> result;
  for (auto& [key, group] : groups) {
    group.name = key.first;
    group.source = key.second;
    result.push_back(std::move(group));
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const SiteGroup& a, const SiteGroup& b) { return a.value > b.value; });
  return result;
}

}  // namespace mla
