// DWARF expressions, as unwind information uses them: a stack machine over registers and memory.
// Invariant: ends after a bounded number of steps and never faults, whatever the bytes are. No state, no locking,
// async-signal-safe.
#pragma once

#include <cstdint>

#include "stack/memory.hpp"
#include "stack/registers.hpp"
#include "stack/rules.hpp"

namespace loam::stack {

// Runs the expression, with *first on the stack if it is given. Returns false if it cannot be understood, needs a register that is
// not known, or reads what cannot be read.
bool evaluate(Bytes expression, const Registers& registers, const uint64_t* first, Memory& memory,
              uint64_t& out);

}  // namespace loam::stack
