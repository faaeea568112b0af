#include "reader/decode_tables.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "reader/distinct.h"

namespace mla {

using format::Table;

namespace {

std::string hex(const uint8_t* bytes, size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

IdMap decode_modules(const SegmentImage& image, std::vector<ModuleInfo>& modules,
                     DamageLog& damage) {
  const auto count = static_cast<uint32_t>(image.records(Table::kModules));
  IdMap map(std::max(count, 1U), kNoIndex);
  map[0] = 0;
  modules.assign(1, {});
  for (uint32_t i = 1; i < count; ++i) {
    const auto* record = image.record<format::ModuleRecord>(Table::kModules, i);
    // Acquires the writer's release of a finished module record.
    if (record == nullptr || record->state.load(std::memory_order_acquire) == 0) continue;
    const bool unloaded = record->state.load(std::memory_order_relaxed) == 2;
    if (record->start >= record->end) {
      damage.add("modules", "an empty address range; the module was left out", i);
      continue;
    }
    ModuleInfo module;
    if (!image.string(record->path.load(std::memory_order_relaxed), module.path)) {
      damage.add("modules", "the path lies outside the file; the module has no name", i);
    }
    if (record->build_id_bytes <= sizeof record->build_id) {
      module.build_id = hex(record->build_id, record->build_id_bytes);
    } else {
      damage.add("modules", "a build-id of impossible length was left out", i);
    }
    module.start = record->start;
    module.end = record->end;
    module.bias = record->bias;
    module.load_ns = record->load_ns;
    if (unloaded) module.unload_ns = record->unload_ns.load(std::memory_order_relaxed);
    map[i] = static_cast<uint32_t>(modules.size());
    modules.push_back(std::move(module));
  }
  return map;
}

IdMap decode_python_codes(const SegmentImage& image, std::vector<PythonCode>& codes,
                          DamageLog& damage) {
  const auto count = static_cast<uint32_t>(image.records(Table::kPythonCode));
  IdMap map(std::max(count, 1U), kNoIndex);
  map[0] = 0;
  codes.assign(1, {});
  std::map<PythonCode, uint32_t> known;
  // References of a damaged file may name the same bytes over and over.
  constexpr size_t kMostBytes = 64 << 20;
  size_t bytes = 0;
  for (uint32_t i = 1; i < count; ++i) {
    const auto* record = image.record<format::PythonCodeRecord>(Table::kPythonCode, i);
    if (record == nullptr) continue;
    // Acquires the writer's release of a finished code object.
    const uint32_t lines = record->lines_format.load(std::memory_order_acquire);
    if (lines == 0) continue;
    PythonCode code;
    code.first_line = record->first_line;
    code.lines_format = static_cast<format::PythonLines>(lines);
    if (lines >= static_cast<uint32_t>(format::PythonLines::kCount)) {
      damage.add("python code", "a line table of no known format was left out", i);
      code.lines_format = format::PythonLines::kNone;
    }
    for (const auto& [ref, to] : {std::pair{record->file, &code.file},
                                  {record->function, &code.function},
                                  {record->lines, &code.lines}}) {
      bytes += ref & 0xffffffff;
      if (bytes > kMostBytes || !image.python_bytes(ref, *to)) {
        damage.add("python code", "names or lines outside the file were left out", i);
      }
    }
    const auto [entry, added] = known.try_emplace(code, static_cast<uint32_t>(codes.size()));
    map[i] = entry->second;
    if (added) codes.push_back(std::move(code));
  }
  return map;
}

namespace {

// Fills what a Python frame's pc says. False if it is none.
bool decode_python_pc(uint64_t pc, const IdMap& codes, StackNode& node, DamageLog& damage,
                      uint32_t record) {
  constexpr uint64_t kUsed = format::kPcPython | format::kPcPythonEntry |
                             format::kPcPythonCodeMask << format::kPcPythonCodeShift |
                             format::kPcPythonOffsetMask;
  if ((pc & ~kUsed) != 0) return false;
  node.kind = pc == format::kPcPythonEmptyGroup ? NodeKind::kEmptyGroup : NodeKind::kPython;
  node.entry = (pc & format::kPcPythonEntry) != 0;
  node.pc = pc & format::kPcPythonOffsetMask;
  node.code = lookup(codes, pc >> format::kPcPythonCodeShift & format::kPcPythonCodeMask);
  if (node.code == kNoIndex) {
    damage.add("nodes", "a Python function that does not exist; the frame has no name", record);
    node.code = 0;
  }
  return true;
}

}  // namespace

IdMap decode_nodes(const SegmentImage& image, const IdMap& modules, const IdMap& codes,
                   std::vector<StackNode>& nodes, DamageLog& damage) {
  const auto count = static_cast<uint32_t>(image.records(Table::kNodes));
  IdMap map(std::max(count, 1U), kNoIndex);
  map[0] = 0;
  nodes.reserve(std::max(count, 1U));
  nodes.assign(1, {});
  DistinctIndices known(count);
  const auto prefetch = [&](uint32_t now, uint32_t later) {
    const auto* record =
        later < count ? image.record<format::NodeRecord>(Table::kNodes, later) : nullptr;
    if (record == nullptr) return;
    // What its parent becomes if all nodes from here on are distinct, as most are.
    const uint32_t parent = record->parent < now
                                ? map[record->parent]
                                : static_cast<uint32_t>(nodes.size()) + record->parent - now;
    known.prefetch(hash_of(record->pc.load(std::memory_order_relaxed), parent));
  };
  for (uint32_t i = 1; i < count; ++i) {
    constexpr uint32_t kAhead = 16;
    prefetch(i, i + kAhead);
    const auto* record = image.record<format::NodeRecord>(Table::kNodes, i);
    if (record == nullptr) continue;
    // Acquires the writer's release of a finished node.
    uint64_t pc = record->pc.load(std::memory_order_acquire);
    if (pc == 0) continue;
    StackNode node;
    const bool python = (pc & format::kPcPython) != 0;
    if (!python) {
      node.pc = pc & ~format::kPcExact;
      node.exact_pc = (pc & format::kPcExact) != 0;
    }
    if (python ? !decode_python_pc(pc, codes, node, damage, i)
               : node.pc == 0 || node.pc > format::kPcAddress) {
      damage.add("nodes", "no address; the stack ends there", i);
      continue;
    }
    if (python) {  // of two code objects that are equal only one is left
      pc = format::make_python_pc(format::PythonCodeId{node.code}, node.pc, node.entry);
    }
    // Strictly downwards: no stack can be a cycle.
    if (record->parent >= i) {
      damage.add("nodes", "a parent that is no earlier node; the stack ends there", i);
      continue;
    }
    node.parent = lookup(map, record->parent);
    if (node.parent == kNoIndex) {
      damage.add("nodes", "a parent that does not exist; outer frames are missing", i);
      node.parent = 0;
    }
    node.module = python ? 0 : lookup(modules, record->module);
    if (node.module == kNoIndex) {
      damage.add("nodes", "a module that does not exist; the frame has no name", i);
      node.module = 0;
    }
    const auto next = static_cast<uint32_t>(nodes.size());
    map[i] = known.find_or_keep(hash_of(pc, node.parent), next,
                                [&](uint32_t index) { return nodes[index] == node; });
    if (map[i] == next) nodes.push_back(node);
  }
  return map;
}

IdMap decode_sites(const SegmentImage& image, const IdMap& nodes, std::vector<Site>& sites,
                   DamageLog& damage) {
  constexpr uint32_t kOverflow = format::index(format::SiteId::kOverflow);
  const auto count = static_cast<uint32_t>(image.records(Table::kSites));
  IdMap map(std::max(count, kOverflow + 1), kNoIndex);
  sites.clear();
  // Not every writer publishes the record of the overflow site: its id says all.
  Site overflow;
  overflow.id = kOverflow;
  overflow.overflow = true;
  map[kOverflow] = 0;
  sites.push_back(overflow);
  DistinctIndices known(count);
  for (uint32_t i = format::kFirstSite; i < count; ++i) {
    const auto* record = image.record<format::SiteRecord>(Table::kSites, i);
    if (record == nullptr) continue;
    // Acquires the writer's release of a finished site.
    const uint32_t kind = record->kind.load(std::memory_order_acquire);
    if (kind == 0) continue;
    if (kind > static_cast<uint32_t>(format::SiteKind::kMapping)) {
      damage.add("sites", "of no known kind; left out", i);
      continue;
    }
    Site site;
    site.id = i;
    site.native = lookup(nodes, record->native);
    if (site.native == kNoIndex) {
      damage.add("sites", "a stack that does not exist; shown without one", i);
      site.native = 0;
    }
    site.python = lookup(nodes, record->python);
    if (site.python == kNoIndex) {
      damage.add("sites", "a Python stack that does not exist; shown without one", i);
      site.python = 0;
    }
    site.mapping = kind == static_cast<uint32_t>(format::SiteKind::kMapping);
    site.first_seen_ns = uint64_t{record->first_seen_ms} * 1'000'000;
    const auto next = static_cast<uint32_t>(sites.size());
    const uint64_t stacks = static_cast<uint64_t>(site.native) << 32 | site.python;
    map[i] = known.find_or_keep(hash_of(stacks, site.mapping ? 1 : 0), next, [&](uint32_t index) {
      const Site& other = sites[index];
      return other.native == site.native && other.python == site.python &&
             other.mapping == site.mapping;
    });
    if (map[i] == next) {
      sites.push_back(site);
    } else {
      uint64_t& first = sites[map[i]].first_seen_ns;
      first = std::min(first, site.first_seen_ns);
    }
  }
  return map;
}

}  // namespace mla
