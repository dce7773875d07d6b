// What the unwind information says of one pc: how the frame's CFA is found and where the caller's registers lie. Made by running
// the instructions of a CIE and an FDE up to the pc.
// Invariant: bounded time and memory whatever the instructions are; never reads outside the entry's bytes. No state, no
// locking, async-signal-safe, under 2 KiB of stack.
#pragma once

#include <cstdint>

#include "stack/eh_frame.hpp"
#include "stack/registers.hpp"

namespace loam::stack {

enum class Place : uint8_t {
  kSame,       // the caller's value is still in the register
  kUndefined,  // it is lost; of the return address: this is the outermost frame
  kAtCfa,      // in memory, at CFA + offset
  kCfaPlus,    // it is CFA + offset
  kRegister,   // in the register with that number
  kAtExpression,
  kExpression,
};

struct Bytes {
  const uint8_t* start;
  uint32_t size;
};

struct RegisterRule {
  Place place = Place::kSame;
  uint32_t size = 0;  // of the expression
  union {
    int64_t offset = 0;  // or the register's number
    const uint8_t* expression;
  };
  Bytes bytes() const { return {expression, size}; }
};

struct Rules {
  bool cfa_is_expression = false;
  bool cfa_known = false;
  uint8_t cfa_register = 0;
  int64_t cfa_offset = 0;
  Bytes cfa_expression{nullptr, 0};
  RegisterRule registers[kRegisterCount];
};

// The rules in force at the pc, which lies in the entry's range. Returns false if the instructions cannot be understood.
bool run_rules(const Entry& entry, uint64_t pc, Rules& out);

}  // namespace loam::stack
