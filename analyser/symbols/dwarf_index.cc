#include "symbols/dwarf_index.h"

#include <dwarf.h>

#include "symbols/demangle.h"

namespace mla {

namespace {

constexpr int kMaxDepth = 200;  // of a DIE tree: a damaged one must not exhaust the stack

void paint_ranges(Dwarf_Die* die, IntervalMap& map, uint32_t value) {
  Dwarf_Addr base = 0;
  Dwarf_Addr low = 0;
  Dwarf_Addr high = 0;
  ptrdiff_t offset = 0;
  while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
    // Functions the linker dropped keep their DIE, at address 0.
    if (low != 0) map.paint(low, high, value);
  }
}

bool has_ranges(Dwarf_Die* die) {
  return dwarf_hasattr(die, DW_AT_low_pc) != 0 || dwarf_hasattr(die, DW_AT_ranges) != 0;
}

const char* string_attribute(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

Dwarf_Word number_attribute(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (dwarf_formudata(dwarf_attr(die, name, &attribute), &value) != 0) return 0;
  return value;
}

// What the DIE adds to the qualified names of the functions in it; empty for other DIEs.
std::string own_scope(Dwarf_Die* die) {
  const int tag = dwarf_tag(die);
  if (tag != DW_TAG_namespace && tag != DW_TAG_class_type && tag != DW_TAG_structure_type &&
      tag != DW_TAG_union_type) {
    return "";
  }
  const char* name = dwarf_diename(die);
  if (name != nullptr) return std::string(name) + "::";
  return tag == DW_TAG_namespace ? "(anonymous namespace)::" : "";
}

}  // namespace

DwarfIndex::DwarfIndex(Dwarf* dwarf) {
  Dwarf_CU* cu = nullptr;
  Dwarf_Die unit_die;
  Dwarf_Die split_die;
  uint8_t type = 0;
  while (dwarf_get_units(dwarf, cu, &cu, nullptr, &type, &unit_die, &split_die) == 0) {
    if (type != DW_UT_compile && type != DW_UT_skeleton) continue;
    if (!has_ranges(&unit_die)) continue;
    Unit unit{};
    unit.lines = unit_die;
    unit.tree = type == DW_UT_skeleton && dwarf_tag(&split_die) == DW_TAG_compile_unit ? split_die
                                                                                       : unit_die;
    paint_ranges(&unit_die, by_address_, static_cast<uint32_t>(units_.size()));
    units_.push_back(std::move(unit));
  }
}

void DwarfIndex::walk(Unit& unit) {
  unit.walked = true;
  walk_children(unit, &unit.tree, IntervalMap::kNone, "", 0);
}

void DwarfIndex::walk_children(Unit& unit, Dwarf_Die* parent, uint32_t scope,
                               const std::string& enclosing, int depth) {
  Dwarf_Die die;
  if (depth > kMaxDepth || dwarf_child(parent, &die) != 0) return;
  do {
    const int tag = dwarf_tag(&die);
    const bool inlined = tag == DW_TAG_inlined_subroutine;
    uint32_t inner = scope;
    if (tag == DW_TAG_subprogram && !enclosing.empty()) {
      unit.enclosing.emplace(dwarf_dieoffset(&die), enclosing);
    }
    if ((tag == DW_TAG_subprogram || inlined) && has_ranges(&die)) {
      inner = static_cast<uint32_t>(unit.scopes.size());
      // A function inside a function (a method of a local class) is nobody's inlined call.
      unit.scopes.push_back({die, inlined ? scope : IntervalMap::kNone, inlined});
      paint_ranges(&die, unit.by_address, inner);  // parents first: the innermost one stays
    }
    const std::string added = own_scope(&die);
    if (dwarf_haschildren(&die) > 0) {
      walk_children(unit, &die, inner, added.empty() ? enclosing : enclosing + added, depth + 1);
    }
  } while (dwarf_siblingof(&die, &die) == 0);
}

std::string DwarfIndex::name_of(const Unit& unit, Dwarf_Die die, const std::string& symbol) {
  const char* linkage = string_attribute(&die, DW_AT_linkage_name);
  if (linkage == nullptr) linkage = string_attribute(&die, DW_AT_MIPS_linkage_name);
  if (linkage != nullptr) return demangle(linkage);
  const char* name = string_attribute(&die, DW_AT_name);
  if (name == nullptr) return symbol;
  // The declaration stands in its namespace or class, the code need not.
  constexpr int kMaxHops = 4;
  for (int hop = 0; hop < kMaxHops; ++hop) {
    const auto found = unit.enclosing.find(dwarf_dieoffset(&die));
    if (found != unit.enclosing.end()) {
      // The symbol of a C++ function says it with parameters.
      return symbol.find('(') != std::string::npos ? symbol : found->second + name;
    }
    Dwarf_Attribute attribute;
    Dwarf_Die origin;
    if ((dwarf_attr(&die, DW_AT_abstract_origin, &attribute) == nullptr &&
         dwarf_attr(&die, DW_AT_specification, &attribute) == nullptr) ||
        dwarf_formref_die(&attribute, &origin) == nullptr) {
      break;
    }
    die = origin;
  }
  return symbol.find('(') != std::string::npos ? symbol : name;
}

void DwarfIndex::set_call_site(const Unit& unit, Dwarf_Die inlined_call, Frame& caller) {
  caller.line = static_cast<uint32_t>(number_attribute(&inlined_call, DW_AT_call_line));
  Dwarf_Die tree = unit.tree;
  Dwarf_Files* files = nullptr;
  size_t count = 0;
  const Dwarf_Word file = number_attribute(&inlined_call, DW_AT_call_file);
  if (dwarf_getsrcfiles(&tree, &files, &count) != 0 || file >= count) return;
  const char* path = dwarf_filesrc(files, file, nullptr, nullptr);
  if (path != nullptr) caller.file = path;
}

std::vector<Frame> DwarfIndex::frames_at(uint64_t address, const std::string& symbol) {
  std::vector<Frame> frames;
  const uint32_t which = by_address_.at(address);
  if (which == IntervalMap::kNone) return frames;
  Unit& unit = units_[which];
  if (!unit.walked) walk(unit);

  Frame innermost;
  if (Dwarf_Line* line = dwarf_getsrc_die(&unit.lines, address)) {
    int number = 0;
    const char* path = dwarf_linesrc(line, nullptr, nullptr);
    if (path != nullptr) innermost.file = path;
    if (dwarf_lineno(line, &number) == 0) innermost.line = static_cast<uint32_t>(number);
  }
  uint32_t scope = unit.by_address.at(address);
  if (scope == IntervalMap::kNone) {  // assembler: lines without functions
    innermost.function = symbol;
    frames.push_back(std::move(innermost));
    return frames;
  }
  frames.push_back(std::move(innermost));
  for (;;) {
    const Scope& current = unit.scopes[scope];
    Frame& frame = frames.back();
    const bool last = !current.inlined || current.parent == IntervalMap::kNone;
    frame.kind = current.inlined ? FrameKind::kInlined : FrameKind::kNative;
    frame.function = name_of(unit, current.die, last ? symbol : "");
    if (last) return frames;
    Frame caller;
    set_call_site(unit, current.die, caller);
    frames.push_back(std::move(caller));
    scope = current.parent;
  }
}

}  // namespace mla
