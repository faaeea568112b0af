// Functions, inlined calls and source lines by address, from the DWARF of one file.
//
// Only what is asked for is read: of the file the units' address ranges; of a unit, when its first
// address is asked for, the DIEs that stand in its namespaces; of a function the calls inlined into
// it, when an address in it is. Most of the DIEs, types and functions nobody asks for, are skipped.
// What is said of an address does not depend on what was asked before.
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
  struct InlinedCall {
    Dwarf_Die die;
    uint32_t parent;  // the inlined call this one is in; IntervalMap::kNone: the function
  };
  struct Function {
    Dwarf_Die die;
    bool expanded = false;
    std::vector<InlinedCall> calls;
    IntervalMap by_address;  // index into calls
  };
  struct Named {  // a function or a type that stands in a namespace
    Dwarf_Off offset;
    uint32_t space;  // index into Unit::spaces
    Dwarf_Die die;
  };
  struct Unit {
    Dwarf_Die lines;  // the unit with the line table
    Dwarf_Die tree;   // the unit with the DIEs: another one for split DWARF
    bool walked = false;
    bool walked_deep = false;
    std::vector<Function> functions;
    IntervalMap by_address;           // index into functions: of those in namespaces
    IntervalMap nested_by_address;    // of the others, kept apart: see the top
    std::vector<std::string> spaces;  // "outer::inner::"
    std::vector<Named> named;         // by offset
    std::unordered_map<Dwarf_Off, std::string> enclosing;  // what enclosing_of() found
  };

  static void walk(Unit& unit);
  static void walk_namespace(Unit& unit, Dwarf_Die* parent, const std::string& space, int depth);
  static void walk_deep(Unit& unit, Dwarf_Die* parent, int depth);
  static void add_function(Unit& unit, IntervalMap& map, Dwarf_Die die);
  static void expand(Function& function, Dwarf_Die* parent, uint32_t scope, int depth);
  static const std::string& enclosing_of(Unit& unit, Dwarf_Die die);
  static std::string find_enclosing(const Unit& unit, Dwarf_Die die);
  static std::string name_of(Unit& unit, Dwarf_Die die, const std::string& symbol);
  static void set_call_site(const Unit& unit, Dwarf_Die inlined_call, Frame& caller);
  static Function* function_at(Unit& unit, uint64_t address);

  std::vector<Unit> units_;
  IntervalMap by_address_;  // index into units_
};

}  // namespace mla
