// Asking for a line of the cache some time before it is needed.
// Locking: none.
#pragma once

namespace loam::sys {

// A function that does nothing but ask has no effect in the eyes of GCC 12, which then drops calls of it even where it would have been
// inlined; so the processor is asked by way of a statement that may not be dropped.
inline void ask_for(const void* address) {
  __builtin_prefetch(address, 1);
  asm volatile("" : : "r"(address));
}

}  // namespace loam::sys
