// How a symbol is exported: C linkage, visible although the library hides all else. The version script must name it.
// And who called it. No state, no locking.
#pragma once

#include "runtime/runtime.hpp"

#define LOAM_EXPORT extern "C" __attribute__((visibility("default")))

// Of a function that leads into the slow half and comes back: clears every register that it need not keep. A block's address
// left there, in a thread that then waits in a system call, would hold the block for the leak search.
#define LOAM_CLEARS_REGISTERS __attribute__((noinline, zero_call_used_regs("all-gpr")))

namespace loam {

// Requires: stands in the exported function itself, or in one that it ends by calling: the caller's frames are those above
// the function in which this is written.
__attribute__((always_inline)) inline runtime::Origin called(
    runtime::Symbol symbol, runtime::Family family = runtime::Family::kMalloc) {
  return {symbol, family, __builtin_dwarf_cfa()};
}

// Stands behind the call, which would else be a jump that leaves nobody to clear anything.
inline void come_back() { asm volatile(""); }

}  // namespace loam
