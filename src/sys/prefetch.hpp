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

// The same for a line that another processor has been reading: it gives it up now, instead of when it is written to.
inline void ask_to_write(const void* address) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  ask_for(address);
#endif
}

}  // namespace loam::sys
