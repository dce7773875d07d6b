// One frame outwards by the whole of its rules, with every register followed: exact for frames that no row can say, and slow (about a
// microsecond).
// Invariant: never faults. No state, no locking, async-signal-safe.
#pragma once

#include "stack/memory.hpp"
#include "stack/modules.hpp"
#include "stack/registers.hpp"
#include "stack/rules.hpp"

namespace loam::stack {

enum class Step : uint8_t {
  kCaller,     // the registers are now the caller's
  kOutermost,  // the frame has no caller
  kFailed,     // rules that cannot be understood, or memory that cannot be read
};

// Applies the rules of a frame to its registers.
Step apply(const Rules& rules, Registers& registers, Memory& memory);

// The pc whose rules are those of a frame: a return address belongs to the call before it, and a call may be its function's last
// instruction.
inline uint64_t pc_of(const Registers& registers) {
  return registers.interrupted ? registers.pc() : registers.pc() - 1;
}

// The whole step: finds the entry, runs it, applies it. kFailed too if the module has no entry for the pc.
Step step(const Module& module, Registers& registers, Memory& memory);

}  // namespace loam::stack
