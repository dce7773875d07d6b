// A row: what one pc's rules come to for the walk by return addresses alone, in one word. On x86-64 nearly every rule is one of three:
// the CFA lies at a distance from the stack pointer, or from rbp, or at the place that a word near rbp names (frames realigned by
// GCC); the return address lies below it; and the caller's rbp is still there, or near the CFA, or near rbp.
// What is not of this kind is kFull, and needs the whole rules (step.hpp).
// Invariant: a row says exactly what the rules say. A value.
#pragma once

#include <cstdint>

#include "stack/rules.hpp"

namespace loam::stack {

enum class RowKind : uint8_t {
  kUnknown,  // the module says nothing of this pc
  kSp,       // CFA = sp + cfa
  kBp,       // CFA = bp + cfa
  kBpDeref,  // CFA = the word at bp + cfa
  kOutermost,
  kFull,
};

enum class SavedBp : uint8_t {
  kInRegister,
  kNearCfa,  // the word at CFA + bp
  kNearBp,   // the word at bp + bp
};

struct Row {
  RowKind kind = RowKind::kUnknown;
  SavedBp saved = SavedBp::kInRegister;
  int32_t cfa = 0;
  int32_t bp = 0;
  uint16_t module = 0;

  static constexpr int kCfaBits = 24;
  static constexpr int kBpBits = 19;

  uint64_t packed() const {
    const auto low = [](int32_t value, int bits) {
      return static_cast<uint64_t>(static_cast<uint32_t>(value)) & ((uint64_t{1} << bits) - 1);
    };
    return uint64_t{module} << 48 | low(cfa, kCfaBits) << 24 | low(bp, kBpBits) << 5 |
           static_cast<uint64_t>(saved) << 3 | static_cast<uint64_t>(kind);
  }

  static Row unpacked(uint64_t word) {
    Row row;
    row.kind = static_cast<RowKind>(word & 7);
    row.saved = static_cast<SavedBp>(word >> 3 & 3);
    row.bp = static_cast<int32_t>(static_cast<int64_t>(word << 40) >> 45);
    row.cfa = static_cast<int32_t>(static_cast<int64_t>(word << 16) >> 40);
    row.module = static_cast<uint16_t>(word >> 48);
    return row;
  }
};

// The row of these rules. `signal_frame`: of the entry that they are from.
Row row_of(const Rules& rules, bool signal_frame);

}  // namespace loam::stack
