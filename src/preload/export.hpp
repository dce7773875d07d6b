// How a symbol is exported: C linkage, visible although the library hides all else. The version script must name it.
#pragma once

#define LOAM_EXPORT extern "C" __attribute__((visibility("default")))

// Of a function that leads into the slow half and comes back: clears every register that it need not keep. A block's address
// left there, in a thread that then waits in a system call, would hold the block for the leak search.
#define LOAM_CLEARS_REGISTERS __attribute__((noinline, zero_call_used_regs("all-gpr")))

namespace loam {

// Stands behind the call, which would else be a jump that leaves nobody to clear anything.
inline void come_back() { asm volatile(""); }

}  // namespace loam
