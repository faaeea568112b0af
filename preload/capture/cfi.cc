// Call frame information (DWARF 5, section 6.4; Linux Standard Base, .eh_frame) to unwind rules.
// The input is mapped read-only by the loader from the program's own files, and trusted like its
// code.
#include <dlfcn.h>

#include "capture/unwind_rule.h"
#include "segment/sys.h"

namespace mla {

namespace {

constexpr unsigned kRegFp = 6;   // RBP
constexpr unsigned kRegSp = 7;   // RSP
constexpr unsigned kRegPc = 16;  // return address column

// DW_EH_PE_*: how an address is stored.
constexpr uint8_t kEncodingOmit = 0xff;
constexpr uint8_t kEncodingFormat = 0x0f;
constexpr uint8_t kEncodingBase = 0x70;
constexpr uint8_t kPcRelative = 0x10;
constexpr uint8_t kDataRelative = 0x30;

class Cursor {
 public:
  Cursor(const uint8_t* at, const uint8_t* end) : at_(at), end_(end) {}
  const uint8_t* at() const { return at_; }
  bool done() const { return at_ >= end_; }
  void skip(uint64_t n) { at_ += n; }

  template <class T>
  T get() {
    T value;
    __builtin_memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const uint8_t byte = get<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }
  int64_t sleb() {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0;
    do {
      byte = get<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
    } while ((byte & 0x80) != 0);
    if (shift < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << shift;
    return static_cast<int64_t>(value);
  }
  uint64_t encoded(uint8_t encoding, uint64_t data_base) {
    if (encoding == kEncodingOmit) return 0;
    const uint64_t here = reinterpret_cast<uint64_t>(at_);
    uint64_t value = 0;
    switch (encoding & kEncodingFormat) {
      case 0x00:
      case 0x04:
        value = get<uint64_t>();
        break;
      case 0x01:
        value = uleb();
        break;
      case 0x02:
        value = get<uint16_t>();
        break;
      case 0x03:
        value = get<uint32_t>();
        break;
      case 0x09:
        value = static_cast<uint64_t>(sleb());
        break;
      case 0x0a:
        value = static_cast<uint64_t>(static_cast<int64_t>(get<int16_t>()));
        break;
      case 0x0b:
        value = static_cast<uint64_t>(static_cast<int64_t>(get<int32_t>()));
        break;
      case 0x0c:
        value = get<uint64_t>();
        break;
      default:
        break;
    }
    if ((encoding & kEncodingBase) == kPcRelative) value += here;
    if ((encoding & kEncodingBase) == kDataRelative) value += data_base;
    return value;
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

// One frame description entry with what its common information entry says.
struct Fde {
  uint64_t low = 0;
  uint64_t high = 0;
  Cursor initial{nullptr, nullptr};
  Cursor program{nullptr, nullptr};
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
  const uint8_t* expression = nullptr;
  uint64_t expression_bytes = 0;
};

// A row of the unwind table: of all registers, the three that matter here.
struct Row {
  uint64_t cfa_register = kRegSp;
  int64_t cfa_offset = 8;
  const uint8_t* cfa_expression = nullptr;  // when set, instead of register + offset
  uint64_t cfa_expression_bytes = 0;
  Column fp;
  Column sp;
  Column pc;
};

// Binary search in .eh_frame_hdr. nullptr when the header has no sorted table.
const uint8_t* find_fde(const uint8_t* header, uint64_t pc) {
  constexpr uint8_t kSortedTable = 0x3b;  // data-relative, signed, 4 bytes
  if (header[0] != 1 || header[3] != kSortedTable) return nullptr;
  const uint64_t base = reinterpret_cast<uint64_t>(header);
  Cursor cursor(header + 4, nullptr);
  cursor.encoded(header[1], base);
  const uint64_t count = cursor.encoded(header[2], base);
  struct Entry {
    int32_t start;
    int32_t fde;
  };
  const Entry* table = reinterpret_cast<const Entry*>(cursor.at());
  const int64_t offset = static_cast<int64_t>(pc - base);
  uint64_t low = 0;
  uint64_t high = count;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (table[middle].start <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? nullptr : header + table[low - 1].fde;
}

bool parse_fde(const uint8_t* at, uint64_t data_base, Fde& out) {
  Cursor fde(at, nullptr);
  const uint32_t length = fde.get<uint32_t>();
  if (length == 0 || length == 0xffffffff) return false;  // terminator; 64-bit format: not emitted
  const uint8_t* id_at = fde.at();
  const uint8_t* end = id_at + length;
  const uint32_t id = fde.get<uint32_t>();
  if (id == 0) return false;  // a CIE
  Cursor cie(id_at - id, nullptr);
  const uint32_t cie_length = cie.get<uint32_t>();
  const uint8_t* cie_end = cie.at() + cie_length;
  cie.get<uint32_t>();
  const uint8_t version = cie.get<uint8_t>();
  const char* augmentation = reinterpret_cast<const char*>(cie.at());
  cie.skip(__builtin_strlen(augmentation) + 1);
  if (augmentation[0] == 'e' && augmentation[1] == 'h') return false;  // gcc 2
  out.code_factor = cie.uleb();
  out.data_factor = cie.sleb();
  out.return_column = version == 1 ? cie.get<uint8_t>() : cie.uleb();
  const bool sized = augmentation[0] == 'z';
  if (sized) {
    const uint64_t bytes = cie.uleb();
    const uint8_t* after = cie.at() + bytes;
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
    cie = Cursor(after, cie_end);
  }
  out.initial = Cursor(cie.at(), cie_end);
  out.low = fde.encoded(out.encoding, data_base);
  out.high = out.low + fde.encoded(out.encoding & kEncodingFormat, 0);
  if (sized) {
    const uint64_t bytes = fde.uleb();
    fde.skip(bytes);
  }
  out.program = Cursor(fde.at(), end);
  return true;
}

// Runs the call frame instructions up to `pc`.
class Interpreter {
 public:
  Interpreter(const Fde& fde, uint64_t pc) : fde_(fde), pc_(pc), location_(fde.low) {}

  // False when an instruction is not known.
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
    if (Column* c = column(reg)) *c = Column{how, offset, nullptr, 0};
  }
  void set_expression(uint64_t reg, Saved how, Cursor& cursor) {
    const uint64_t bytes = cursor.uleb();
    if (Column* c = column(reg)) *c = Column{how, 0, cursor.at(), bytes};
    cursor.skip(bytes);
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
          set(low, Saved::kOffset, static_cast<int64_t>(cursor.uleb()) * fde_.data_factor);
          continue;
        case 3:
          restore(low);
          continue;
        default:
          break;
      }
      if (!execute_extended(op, cursor, reached)) return false;
    }
    return true;
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
        set(reg, Saved::kOffset, static_cast<int64_t>(cursor.uleb()) * data);
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
        row_.cfa_expression = nullptr;
        return true;
      case 0x0d:  // def_cfa_register
        row_.cfa_register = cursor.uleb();
        row_.cfa_expression = nullptr;
        return true;
      case 0x0e:  // def_cfa_offset
        row_.cfa_offset = static_cast<int64_t>(cursor.uleb());
        return true;
      case 0x0f:  // def_cfa_expression
        row_.cfa_expression_bytes = cursor.uleb();
        row_.cfa_expression = cursor.at();
        cursor.skip(row_.cfa_expression_bytes);
        return true;
      case 0x10: {  // expression
        const uint64_t reg = cursor.uleb();
        set_expression(reg, Saved::kExpression, cursor);
        return true;
      }
      case 0x11: {  // offset_extended_sf
        const uint64_t reg = cursor.uleb();
        set(reg, Saved::kOffset, cursor.sleb() * data);
        return true;
      }
      case 0x12:  // def_cfa_sf
        row_.cfa_register = cursor.uleb();
        row_.cfa_offset = cursor.sleb() * data;
        row_.cfa_expression = nullptr;
        return true;
      case 0x13:
        row_.cfa_offset = cursor.sleb() * data;
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

  static constexpr int kMaxRemembered = 8;
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
  Cursor cursor(row.cfa_expression, row.cfa_expression + row.cfa_expression_bytes);
  if (row.cfa_expression_bytes < 3 || cursor.get<uint8_t>() != kBreg6) {
    return rule_of_kind(RuleKind::kUnsupported);
  }
  const int64_t offset = cursor.sleb();
  const bool fp_at_fp = row.fp.how == Saved::kExpression && row.fp.expression_bytes == 2 &&
                        row.fp.expression[0] == kBreg6 && row.fp.expression[1] == 0;
  if (cursor.done() || cursor.get<uint8_t>() != kDeref || !cursor.done() || !fp_at_fp ||
      offset != static_cast<int32_t>(offset)) {
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
  if (row.cfa_expression != nullptr) return drap_rule(row);
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
  const uint8_t* header = static_cast<const uint8_t*>(found.dlfo_eh_frame);
  const uint8_t* at = find_fde(header, pc);
  Fde fde;
  if (at == nullptr || !parse_fde(at, reinterpret_cast<uint64_t>(header), fde) || pc < fde.low ||
      pc >= fde.high) {
    return rule_of_kind(RuleKind::kNoInfo);
  }
  Row row;
  Interpreter interpreter(fde, pc);
  return interpreter.run(row) ? rule_of_row(fde, row) : rule_of_kind(RuleKind::kUnsupported);
}

}  // namespace mla
