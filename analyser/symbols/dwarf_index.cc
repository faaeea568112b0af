#include "symbols/dwarf_index.h"

#include <dwarf.h>

#include <algorithm>
#include <iterator>

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

bool is_type(int tag) {
  return tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

// What the DIE adds to the qualified names of the functions in it; empty for other DIEs.
std::string own_scope(Dwarf_Die* die) {
  const int tag = dwarf_tag(die);
  if (tag != DW_TAG_namespace && !is_type(tag)) return "";
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
  walk_namespace(unit, &unit.tree, "", 0);
}

void DwarfIndex::walk_namespace(Unit& unit, Dwarf_Die* parent, const std::string& space,
                                int depth) {
  Dwarf_Die die;
  if (depth > kMaxDepth || dwarf_child(parent, &die) != 0) return;
  const auto index = static_cast<uint32_t>(unit.spaces.size());
  unit.spaces.push_back(space);
  do {
    const int tag = dwarf_tag(&die);
    if (tag == DW_TAG_namespace || tag == DW_TAG_module) {
      walk_namespace(unit, &die, space + own_scope(&die), depth + 1);
    } else if (tag == DW_TAG_subprogram || is_type(tag)) {
      unit.named.push_back({dwarf_dieoffset(&die), index, die});
      if (tag == DW_TAG_subprogram && has_ranges(&die)) {
        add_function(unit, unit.by_address, die);
      }
    }
  } while (dwarf_siblingof(&die, &die) == 0);
}

// Functions inside of functions and types. Few compilers put code there.
void DwarfIndex::walk_deep(Unit& unit, Dwarf_Die* parent, int depth) {
  Dwarf_Die die;
  if (depth > kMaxDepth || dwarf_child(parent, &die) != 0) return;
  do {
    const bool known = std::binary_search(
        unit.named.begin(), unit.named.end(), Named{dwarf_dieoffset(&die), 0, {}},
        [](const Named& a, const Named& b) { return a.offset < b.offset; });
    if (!known && dwarf_tag(&die) == DW_TAG_subprogram && has_ranges(&die)) {
      add_function(unit, unit.nested_by_address, die);
    }
    if (dwarf_haschildren(&die) > 0) walk_deep(unit, &die, depth + 1);
  } while (dwarf_siblingof(&die, &die) == 0);
}

void DwarfIndex::add_function(Unit& unit, IntervalMap& map, Dwarf_Die die) {
  paint_ranges(&die, map, static_cast<uint32_t>(unit.functions.size()));
  unit.functions.push_back({die, false, {}, {}});
}

// A function inside a function (a method of a local class) is nobody's inlined call.
void DwarfIndex::expand(Function& function, Dwarf_Die* parent, uint32_t scope, int depth) {
  Dwarf_Die die;
  if (depth > kMaxDepth || dwarf_child(parent, &die) != 0) return;
  do {
    const int tag = dwarf_tag(&die);
    if (tag == DW_TAG_subprogram || is_type(tag)) continue;
    uint32_t inner = scope;
    if (tag == DW_TAG_inlined_subroutine && has_ranges(&die)) {
      inner = static_cast<uint32_t>(function.calls.size());
      function.calls.push_back({die, scope});
      paint_ranges(&die, function.by_address, inner);  // parents first: the innermost one stays
    }
    if (dwarf_haschildren(&die) > 0) expand(function, &die, inner, depth + 1);
  } while (dwarf_siblingof(&die, &die) == 0);
}

DwarfIndex::Function* DwarfIndex::function_at(Unit& unit, uint64_t address) {
  if (!unit.walked) walk(unit);
  uint32_t which = unit.by_address.at(address);
  if (which == IntervalMap::kNone) {
    if (!unit.walked_deep) walk_deep(unit, &unit.tree, 0);
    unit.walked_deep = true;
    which = unit.nested_by_address.at(address);
  }
  if (which == IntervalMap::kNone) return nullptr;
  Function& function = unit.functions[which];
  if (!function.expanded) {
    function.expanded = true;
    expand(function, &function.die, IntervalMap::kNone, 0);
  }
  return &function;
}

const std::string& DwarfIndex::enclosing_of(Unit& unit, Dwarf_Die die) {
  const auto [known, is_new] = unit.enclosing.try_emplace(dwarf_dieoffset(&die));
  if (is_new) known->second = find_enclosing(unit, die);
  return known->second;
}

// "space::Class::" around the declaration of a function; empty: nothing, or it is another unit's.
// DIEs stand in the order of their offsets, parents before children: at each level the last one
// that does not begin behind the wanted one is the wanted one or holds it.
std::string DwarfIndex::find_enclosing(const Unit& unit, Dwarf_Die die) {
  const Dwarf_Off wanted = dwarf_dieoffset(&die);
  const auto behind =
      std::upper_bound(unit.named.begin(), unit.named.end(), wanted,
                       [](Dwarf_Off offset, const Named& named) { return offset < named.offset; });
  if (die.cu != unit.tree.cu || behind == unit.named.begin()) return "";
  const Named& outermost = *std::prev(behind);
  std::string enclosing = unit.spaces[outermost.space];
  if (outermost.offset == wanted) return enclosing;
  Dwarf_Die at = outermost.die;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    enclosing += own_scope(&at);
    Dwarf_Die next;
    if (dwarf_child(&at, &next) != 0 || dwarf_dieoffset(&next) > wanted) return "";
    do {
      at = next;
    } while (dwarf_siblingof(&at, &next) == 0 && dwarf_dieoffset(&next) <= wanted);
    if (dwarf_dieoffset(&at) == wanted) return enclosing;
  }
  return "";
}

std::string DwarfIndex::name_of(Unit& unit, Dwarf_Die die, const std::string& symbol) {
  const char* linkage = string_attribute(&die, DW_AT_linkage_name);
  if (linkage == nullptr) linkage = string_attribute(&die, DW_AT_MIPS_linkage_name);
  if (linkage != nullptr) return demangle(linkage);
  const char* name = string_attribute(&die, DW_AT_name);
  if (name == nullptr) return symbol;
  // The declaration stands in its namespace or class, the code need not.
  constexpr int kMaxHops = 4;
  for (int hop = 0; hop < kMaxHops; ++hop) {
    const std::string& enclosing = enclosing_of(unit, die);
    if (!enclosing.empty()) {
      // The symbol of a C++ function says it with parameters.
      return symbol.find('(') != std::string::npos ? symbol : enclosing + name;
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
  Frame innermost;
  if (Dwarf_Line* line = dwarf_getsrc_die(&unit.lines, address)) {
    int number = 0;
    const char* path = dwarf_linesrc(line, nullptr, nullptr);
    if (path != nullptr) innermost.file = path;
    if (dwarf_lineno(line, &number) == 0) innermost.line = static_cast<uint32_t>(number);
  }
  frames.push_back(std::move(innermost));
  const Function* function = function_at(unit, address);
  if (function == nullptr) {  // assembler: lines without functions
    frames.back().function = symbol;
    return frames;
  }
  for (uint32_t call = function->by_address.at(address); call != IntervalMap::kNone;) {
    const InlinedCall& current = function->calls[call];
    frames.back().kind = FrameKind::kInlined;
    frames.back().function = name_of(unit, current.die, "");
    Frame caller;
    set_call_site(unit, current.die, caller);
    frames.push_back(std::move(caller));
    call = current.parent;
  }
  frames.back().function = name_of(unit, function->die, symbol);
  return frames;
}

}  // namespace mla
