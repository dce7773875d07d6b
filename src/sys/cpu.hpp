// What is asked of the processor rather than of the kernel: single-instruction updates and the pause hint.
#pragma once

#include <cstdint>

namespace loam::sys {

// take_bit and put_bit change one bit in ONE instruction: atomic against a signal handler on the same thread, though
// not against other threads, and without the price of a locked one. The heap's fast paths stand on that: splitting
// them into load, change, store would let a handler that allocates hand the same block out twice.

// Clears bit `index` (0 to 63) of *word. Returns whether it was set.
inline bool take_bit(uint64_t* word, uint64_t index) {
#if defined(__x86_64__)
  bool was_set;
  asm volatile("btrq %2, %1" : "=@ccc"(was_set), "+m"(*word) : "r"(index) : "memory");
  return was_set;
#else
  const uint64_t mask = uint64_t{1} << index;
  return (__atomic_fetch_and(word, ~mask, __ATOMIC_RELAXED) & mask) != 0;
#endif
}

// Sets bit `index` of the bit string that starts at `words` (any length: bit 64 is the lowest of words[1]).
// Returns whether it was set before.
inline bool put_bit(uint64_t* words, uint64_t index) {
#if defined(__x86_64__)
  bool was_set;
  asm volatile("btsq %2, %1" : "=@ccc"(was_set), "+m"(*words) : "r"(index) : "memory");
  return was_set;
#else
  const uint64_t mask = uint64_t{1} << (index % 64);
  return (__atomic_fetch_or(words + index / 64, mask, __ATOMIC_RELAXED) & mask) != 0;
#endif
}

// The index of the lowest set bit. Requires: word is not 0. In 64 bits throughout: the builtin's int costs the fast path
// a sign extension. On processors before 2013 the instruction reads as bsf, which answers the same for all but 0.
inline uint64_t lowest_bit(uint64_t word) {
#if defined(__x86_64__)
  uint64_t index;
  asm("tzcntq %1, %0" : "=r"(index) : "r"(word) : "cc");
  return index;
#else
  return static_cast<uint64_t>(__builtin_ctzll(word));
#endif
}

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  asm volatile("yield" ::: "memory");
#endif
}

}  // namespace loam::sys
