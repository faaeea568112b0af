// Call frame information (DWARF 5, section 6.4; Linux Standard Base, .eh_frame) to unwind rules.
// The input is mapped read-only by the loader from the program's own files. A program that never
// throws runs well with broken tables, so nothing beyond them is read, whatever they say.
#include <dlfcn.h>

#include "capture/dwarf_cursor.h"
#include "capture/unwind_rule.h"
#include "segment/loaded_image.h"

namespace mla {

namespace {

constexpr unsigned kRegFp = 6;   // RBP
constexpr unsigned kRegSp = 7;   // RSP
constexpr unsigned kRegPc = 16;  // return address column

// A factored offset, wrapped around where it is none that could be meant.
int64_t times(uint64_t count, int64_t factor) {
  return static_cast<int64_t>(count * static_cast<uint64_t>(factor));
}

// One frame description entry with what its common information entry says.
struct Fde {
  uint64_t low = 0;
  uint64_t high = 0;
  Cursor initial;
  Cursor program;
  uint64_t code_factor = 1;
  int64_t data_factor = 1;
  uint64_t return_column = kRegPc;
  uint8_t encoding = 0;
  bool signal = false;
};

enum class Saved : uint8_t { kSame, kOffset, kUndefined, kExpression, kOther };

struct Column {
  Saved how = Saved::kSame;
  int64_t offset = 0;
  Cursor expression;
};

// A row of the unwind table: of all registers, the three that matter here.
struct Row {
  uint64_t cfa_register = kRegSp;
  int64_t cfa_offset = 8;
  bool by_expression = false;  // instead of register + offset
  Cursor cfa_expression;
  Column fp;
  Column sp;
  Column pc;
};

// Binary search in .eh_frame_hdr, of which `range` can be read. 0 when there is no sorted table.
uintptr_t find_fde(uintptr_t header, AddressRange range, uint64_t pc) {
  constexpr uint8_t kSortedTable = 0x3b;  // data-relative, signed, 4 bytes
  Cursor cursor(header, range.high);
  const bool first_version = cursor.get<uint8_t>() == 1;
  const uint8_t pointer_encoding = cursor.get<uint8_t>();
  const uint8_t count_encoding = cursor.get<uint8_t>();
  if (!first_version || cursor.get<uint8_t>() != kSortedTable) return 0;
  cursor.encoded(pointer_encoding, header);
  const uint64_t count = cursor.encoded(count_encoding, header);
  struct Entry {
    int32_t start;
    int32_t fde;
  };
  const uintptr_t table = cursor.at();
  if (cursor.failed() || count > (range.high - table) / sizeof(Entry)) return 0;
  const auto entry = [table](uint64_t i) {
    Entry value;
    __builtin_memcpy(&value, reinterpret_cast<const void*>(table + i * sizeof value), sizeof value);
    return value;
  };
  const int64_t offset = static_cast<int64_t>(pc - header);
  uint64_t low = 0;
  uint64_t high = count;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (entry(middle).start <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? 0 : header + static_cast<uint64_t>(int64_t{entry(low - 1).fde});
}

// The cursor of an entry's contents, after its length.
Cursor entry_at(uintptr_t at, AddressRange range) {
  if (!range.holds(at, sizeof(uint32_t))) return {};
  Cursor whole(at, range.high);
  const uint32_t length = whole.get<uint32_t>();
  // Terminator; 64-bit format: not emitted.
  if (length == 0 || length == 0xffffffff || !range.holds(whole.at(), length)) {
    return {};
  }
  return {whole.at(), whole.at() + length};
}

// The common information entry at `at`. Returns whether it, and so its entries, have sizes of what
// they are augmented with.
bool parse_cie(uintptr_t at, AddressRange range, uint64_t data_base, Fde& out, bool& sized) {
  constexpr int kLongestAugmentation = 8;
  Cursor cie = entry_at(at, range);
  cie.get<uint32_t>();
  const uint8_t version = cie.get<uint8_t>();
  char augmentation[kLongestAugmentation + 1] = {};
  for (int i = 0;; ++i) {
    const char c = static_cast<char>(cie.get<uint8_t>());
    if (c == 0) break;
    if (i == kLongestAugmentation) return false;
    augmentation[i] = c;
  }
  if (augmentation[0] == 'e' && augmentation[1] == 'h') return false;  // gcc 2
  out.code_factor = cie.uleb();
  out.data_factor = cie.sleb();
  out.return_column = version == 1 ? cie.get<uint8_t>() : cie.uleb();
  sized = augmentation[0] == 'z';
  if (sized) {
    const uint64_t bytes = cie.uleb();
    Cursor after = cie;
    after.skip(bytes);
    for (const char* a = augmentation + 1; *a != 0; ++a) {
      if (*a == 'R') {
        out.encoding = cie.get<uint8_t>();
      } else if (*a == 'L') {
        cie.get<uint8_t>();
      } else if (*a == 'P') {
        const uint8_t encoding = cie.get<uint8_t>();
        cie.encoded(encoding & 0x7f, data_base);
      } else if (*a == 'S') {
        out.signal = true;
      } else if (*a != 'B') {
        break;
      }
    }
    if (cie.failed()) return false;
    cie = after;
  }
  out.initial = cie;
  return !cie.failed();
}

// `range`: the part of the image that holds the entry, and its common one.
bool parse_fde(uintptr_t at, AddressRange range, uint64_t data_base, Fde& out) {
  Cursor fde = entry_at(at, range);
  const uintptr_t id_at = fde.at();
  const uint32_t id = fde.get<uint32_t>();
  bool sized = false;
  // 0: a common information entry itself.
  if (fde.failed() || id == 0 || !parse_cie(id_at - id, range, data_base, out, sized)) return false;
  out.low = fde.encoded(out.encoding, data_base);
  out.high = out.low + fde.encoded(out.encoding & Cursor::kEncodingFormat, 0);
  if (sized) {
    const uint64_t bytes = fde.uleb();
    fde.skip(bytes);
  }
  out.program = fde;
  return !fde.failed();
}

// Runs the call frame instructions up to `pc`.
class Interpreter {
 public:
  Interpreter(const Fde& fde, uint64_t pc) : fde_(fde), pc_(pc), location_(fde.low) {}

  // False when an instruction is not known, or not whole.
  bool run(Row& out) {
    bool reached = false;
    if (!execute(fde_.initial, reached)) return false;
    initial_ = row_;
    location_ = fde_.low;
    if (!execute(fde_.program, reached)) return false;
    out = row_;
    return true;
  }

 private:
  Column* column(uint64_t reg) {
    if (reg == kRegFp) return &row_.fp;
    if (reg == kRegSp) return &row_.sp;
    return reg == fde_.return_column ? &row_.pc : nullptr;
  }
  void set(uint64_t reg, Saved how, int64_t offset = 0) {
    if (Column* c = column(reg)) *c = Column{how, offset, {}};
  }
  void set_expression(uint64_t reg, Saved how, Cursor& cursor) {
    const Cursor expression = take_block(cursor);
    if (Column* c = column(reg)) *c = Column{how, 0, expression};
  }
  static Cursor take_block(Cursor& cursor) {
    const uint64_t bytes = cursor.uleb();
    const uintptr_t begin = cursor.at();
    cursor.skip(bytes);
    return {begin, cursor.at()};
  }
  void restore(uint64_t reg) {
    if (reg == kRegFp) row_.fp = initial_.fp;
    if (reg == kRegSp) row_.sp = initial_.sp;
    if (reg == fde_.return_column) row_.pc = initial_.pc;
  }
  // True when the row that holds pc is complete: the next one starts beyond it.
  bool advance(uint64_t delta) {
    if (location_ + delta > pc_) return true;
    location_ += delta;
    return false;
  }

  bool execute(Cursor cursor, bool& reached) {
    while (!reached && !cursor.done()) {
      const uint8_t op = cursor.get<uint8_t>();
      const uint8_t low = op & 0x3f;
      switch (op >> 6) {
        case 1:
          reached = advance(low * fde_.code_factor);
          continue;
        case 2:
          set(low, Saved::kOffset, times(cursor.uleb(), fde_.data_factor));
          continue;
        case 3:
          restore(low);
          continue;
        default:
          break;
      }
      if (!execute_extended(op, cursor, reached)) return false;
    }
    return !cursor.failed();
  }

  bool execute_extended(uint8_t op, Cursor& cursor, bool& reached) {
    const uint64_t code = fde_.code_factor;
    const int64_t data = fde_.data_factor;
    switch (op) {
      case 0x00:
        return true;  // nop
      case 0x01: {    // set_loc
        const uint64_t to = cursor.encoded(fde_.encoding, 0);
        reached = advance(to - location_);
        return true;
      }
      case 0x02:
        reached = advance(cursor.get<uint8_t>() * code);
        return true;
      case 0x03:
        reached = advance(cursor.get<uint16_t>() * code);
        return true;
      case 0x04:
        reached = advance(cursor.get<uint32_t>() * code);
        return true;
      case 0x05: {  // offset_extended
        const uint64_t reg = cursor.uleb();
        set(reg, Saved::kOffset, times(cursor.uleb(), data));
        return true;
      }
      case 0x06:
        restore(cursor.uleb());
        return true;
      case 0x07:
        set(cursor.uleb(), Saved::kUndefined);
        return true;
      case 0x08:
        set(cursor.uleb(), Saved::kSame);
        return true;
      case 0x09: {  // register
        const uint64_t reg = cursor.uleb();
        cursor.uleb();
        set(reg, Saved::kOther);
        return true;
      }
      case 0x0a:  // remember_state
        if (depth_ == kMaxRemembered) return false;
        remembered_[depth_++] = row_;
        return true;
      case 0x0b:  // restore_state
        if (depth_ == 0) return false;
        row_ = remembered_[--depth_];
        return true;
      case 0x0c:  // def_cfa
        row_.cfa_register = cursor.uleb();
        row_.cfa_offset = static_cast<int64_t>(cursor.uleb());
        row_.by_expression = false;
        return true;
      case 0x0d:  // def_cfa_register
        row_.cfa_register = cursor.uleb();
        row_.by_expression = false;
        return true;
      case 0x0e:  // def_cfa_offset
        row_.cfa_offset = static_cast<int64_t>(cursor.uleb());
        return true;
      case 0x0f:  // def_cfa_expression
        row_.cfa_expression = take_block(cursor);
        row_.by_expression = true;
        return true;
      case 0x10: {  // expression
        const uint64_t reg = cursor.uleb();
        set_expression(reg, Saved::kExpression, cursor);
        return true;
      }
      case 0x11: {  // offset_extended_sf
        const uint64_t reg = cursor.uleb();
        set(reg, Saved::kOffset, times(static_cast<uint64_t>(cursor.sleb()), data));
        return true;
      }
      case 0x12:  // def_cfa_sf
        row_.cfa_register = cursor.uleb();
        row_.cfa_offset = times(static_cast<uint64_t>(cursor.sleb()), data);
        row_.by_expression = false;
        return true;
      case 0x13:
        row_.cfa_offset = times(static_cast<uint64_t>(cursor.sleb()), data);
        return true;
      case 0x14: {  // val_offset
        const uint64_t reg = cursor.uleb();
        cursor.uleb();
        set(reg, Saved::kOther);
        return true;
      }
      case 0x15: {  // val_offset_sf
        const uint64_t reg = cursor.uleb();
        cursor.sleb();
        set(reg, Saved::kOther);
        return true;
      }
      case 0x16: {  // val_expression
        const uint64_t reg = cursor.uleb();
        set_expression(reg, Saved::kOther, cursor);
        return true;
      }
      case 0x2e:
        cursor.uleb();
        return true;  // GNU_args_size
      default:
        return false;
    }
  }

  // Compilers nest none [measured: glibc, CPython, node, cc1plus, JVMs]; each takes room on the
  // stack of whoever allocates.
  static constexpr int kMaxRemembered = 2;
  const Fde& fde_;
  uint64_t pc_;
  uint64_t location_;
  Row row_;
  Row initial_;
  Row remembered_[kMaxRemembered];
  int depth_ = 0;
};

UnwindRule rule_of_kind(RuleKind kind) {
  UnwindRule rule;
  rule.kind = kind;
  return rule;
}

// DRAP: the CFA was saved below the realigned frame. DW_OP_breg6 n, DW_OP_deref; RBP at (RBP + 0).
UnwindRule drap_rule(const Row& row) {
  constexpr uint8_t kBreg6 = 0x76;
  constexpr uint8_t kDeref = 0x06;
  Cursor cfa = row.cfa_expression;
  const bool by_fp = cfa.get<uint8_t>() == kBreg6;
  const int64_t offset = cfa.sleb();
  const bool read_there = cfa.get<uint8_t>() == kDeref && cfa.done() && !cfa.failed();
  Cursor fp = row.fp.expression;
  const bool fp_at_fp = row.fp.how == Saved::kExpression && fp.get<uint8_t>() == kBreg6 &&
                        fp.get<uint8_t>() == 0 && fp.done() && !fp.failed();
  if (!by_fp || !read_there || !fp_at_fp || offset != static_cast<int32_t>(offset)) {
    return rule_of_kind(RuleKind::kUnsupported);
  }
  UnwindRule rule = rule_of_kind(RuleKind::kCfaFromFpSlot);
  rule.cfa_offset = static_cast<int32_t>(offset);
  return rule;
}

UnwindRule rule_of_row(const Fde& fde, const Row& row) {
  if (fde.signal) return rule_of_kind(RuleKind::kSignal);
  if (row.pc.how == Saved::kUndefined) return rule_of_kind(RuleKind::kEnd);
  const bool usual_return = row.pc.how == Saved::kOffset && row.pc.offset == -8 &&
                            fde.return_column == kRegPc && row.sp.how == Saved::kSame;
  if (!usual_return) return rule_of_kind(RuleKind::kUnsupported);
  if (row.by_expression) return drap_rule(row);
  UnwindRule rule;
  if (row.fp.how == Saved::kOffset && row.fp.offset > UnwindRule::kFpUntouched &&
      row.fp.offset <= INT16_MAX) {
    rule.fp_offset = static_cast<int16_t>(row.fp.offset);
  } else if (row.fp.how != Saved::kSame && row.fp.how != Saved::kUndefined) {
    return rule_of_kind(RuleKind::kUnsupported);
  }
  if (row.cfa_offset != static_cast<int32_t>(row.cfa_offset)) {
    return rule_of_kind(RuleKind::kUnsupported);
  }
  rule.cfa_offset = static_cast<int32_t>(row.cfa_offset);
  rule.kind = row.cfa_register == kRegSp   ? RuleKind::kCfaFromSp
              : row.cfa_register == kRegFp ? RuleKind::kCfaFromFp
                                           : RuleKind::kUnsupported;
  return rule;
}

}  // namespace

UnwindRule compute_rule(uintptr_t pc) {
  struct dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &found) != 0 || found.dlfo_eh_frame == nullptr) {
    return rule_of_kind(RuleKind::kNoInfo);
  }
  const auto header = reinterpret_cast<uintptr_t>(found.dlfo_eh_frame);
  const AddressRange table = readable_around(header);
  const uintptr_t at = table.holds(header) ? find_fde(header, table, pc) : 0;
  const AddressRange entries = table.holds(at) ? table : readable_around(at);
  Fde fde;
  if (!parse_fde(at, entries, header, fde) || pc < fde.low || pc >= fde.high) {
    return rule_of_kind(RuleKind::kNoInfo);
  }
  Row row;
  Interpreter interpreter(fde, pc);
  return interpreter.run(row) ? rule_of_row(fde, row) : rule_of_kind(RuleKind::kUnsupported);
}

}  // namespace mla
