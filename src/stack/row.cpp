#include "stack/row.hpp"

#include "stack/cursor.hpp"

namespace loam::stack {

namespace {

bool fits(int64_t value, int bits) {
  const int64_t limit = int64_t{1} << (bits - 1);
  return value >= -limit && value < limit;
}

constexpr uint8_t kBaseBp = 0x70 + kRbp;  // DW_OP_breg6
constexpr uint8_t kDeref = 0x06;

// "rbp + offset", and with `deref` the word there.
bool near_bp(Bytes expression, bool deref, int64_t& offset) {
  Cursor cursor(expression.start, expression.start + expression.size);
  if (cursor.read<uint8_t>() != kBaseBp) return false;
  offset = cursor.sleb();
  if (deref && cursor.read<uint8_t>() != kDeref) return false;
  return cursor.good() && cursor.at_end();
}

bool set_cfa(const Rules& rules, Row& row) {
  int64_t offset = rules.cfa_offset;
  if (rules.cfa_is_expression) {
    if (!near_bp(rules.cfa_expression, true, offset)) return false;
    row.kind = RowKind::kBpDeref;
  } else if (rules.cfa_register == kRsp) {
    row.kind = RowKind::kSp;
  } else if (rules.cfa_register == kRbp) {
    row.kind = RowKind::kBp;
  } else {
    return false;
  }
  if (!fits(offset, Row::kCfaBits)) return false;
  row.cfa = static_cast<int32_t>(offset);
  return true;
}

bool set_bp(const RegisterRule& rule, Row& row) {
  int64_t offset = 0;
  switch (rule.place) {
    case Place::kSame:
      return true;
    case Place::kAtCfa:
      row.saved = SavedBp::kNearCfa;
      offset = rule.offset;
      break;
    case Place::kAtExpression:
      if (!near_bp(rule.bytes(), false, offset)) return false;
      row.saved = SavedBp::kNearBp;
      break;
    default:
      return false;
  }
  if (!fits(offset, Row::kBpBits)) return false;
  row.bp = static_cast<int32_t>(offset);
  return true;
}

}  // namespace

Row row_of(const Rules& rules, bool signal_frame) {
  Row row;
  const RegisterRule& address = rules.registers[kReturnAddress];
  if (address.place == Place::kUndefined) {
    row.kind = RowKind::kOutermost;
    return row;
  }
  const bool plain = !signal_frame && address.place == Place::kAtCfa && address.offset == -8 &&
                     rules.registers[kRsp].place == Place::kSame && set_cfa(rules, row) &&
                     set_bp(rules.registers[kRbp], row);
  if (plain) return row;
  Row full;
  full.kind = RowKind::kFull;
  return full;
}

}  // namespace loam::stack
