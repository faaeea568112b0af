// Functions, inlined calls and source lines by address, from the DWARF of one file.
//
// The units' address ranges are read once; the DIE tree of a unit is walked once, when its first
// address is asked for. After that an address costs two look-ups in a tree.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "symbols/frame.h"
#include "symbols/interval_map.h"

namespace mla {

class DwarfIndex {
 public:
  explicit DwarfIndex(Dwarf* dwarf);

  // The frames at an address of the ELF file, innermost inlined function first, the function the
  // code belongs to last; only function, file, line and kind are set. Empty if no unit covers it.
  // The last frame's function is `symbol` (demangled) where DWARF has no unambiguous name.
  std::vector<Frame> frames_at(uint64_t address, const std::string& symbol);

 private:
  struct Scope {  // a function with code, or an inlined call
    Dwarf_Die die;
    uint32_t parent;  // scope this one is inlined into; IntervalMap::kNone for a function
    bool inlined;
  };
  struct Unit {
    Dwarf_Die lines;  // the unit with the line table
    Dwarf_Die tree;   // the unit with the DIEs: another one for split DWARF
    bool walked = false;
    std::vector<Scope> scopes;
    IntervalMap by_address;                                // index into scopes
    std::unordered_map<Dwarf_Off, std::string> enclosing;  // function DIE -> "space::Class::"
  };

  static void walk(Unit& unit);
  static void walk_children(Unit& unit, Dwarf_Die* parent, uint32_t scope,
                            const std::string& enclosing, int depth);
  static std::string name_of(const Unit& unit, Dwarf_Die die, const std::string& symbol);
  static void set_call_site(const Unit& unit, Dwarf_Die inlined_call, Frame& caller);

  std::vector<Unit> units_;
  IntervalMap by_address_;  // index into units_
};

}  // namespace mla
