// What is asked of the processor rather than of the kernel: single-instruction updates and the pause hint.
#pragma once

#include <cstdint>
#include <type_traits>

#include "sys/sanitizer.hpp"

namespace loam::sys {

// Reads a word that another thread may be writing. Outside of watched builds a plain access: compilers do not fold an atomic
// load into the instruction that uses its value, and malloc's budget has no room for another one.
template <class T>
inline T peek(const T& word) {
#if LOAM_WATCHED
  T value;
  __atomic_load(&word, &value, __ATOMIC_RELAXED);
  return value;
#else
  return word;
#endif
}

// Writes a word that another thread may be reading.
template <class T>
inline void poke(T& word, std::type_identity_t<T> value) {
  __atomic_store(&word, &value, __ATOMIC_RELAXED);
}

// Adds one to a byte that is 255, which makes it 0, and returns true; any other it leaves as it is. (Other threads may read
// the sum meanwhile.)
inline bool count_to_zero(uint8_t* byte) {
#if defined(__x86_64__) && !LOAM_WATCHED
  bool zero;
  asm volatile("addb $1, %1" : "=@ccz"(zero), "+m"(*byte) : : "memory");
  if (!zero) [[unlikely]]
    *byte = static_cast<uint8_t>(*byte - 1);
  return zero;
#else
  if (__atomic_load_n(byte, __ATOMIC_RELAXED) != 0xff) return false;
  __atomic_store_n(byte, 0, __ATOMIC_RELAXED);
  return true;
#endif
}

// Moves a pointer in memory by kSteps elements in one instruction, for whoever has read it and needs no register for the
// new value.
template <int kSteps, class T>
inline void advance(T*& pointer) {
#if defined(__x86_64__) && !LOAM_WATCHED
  asm volatile("addq %1, %0" : "+m"(pointer) : "i"(kSteps * static_cast<int>(sizeof(T))) : "cc", "memory");
#else
  pointer += kSteps;
#endif
}

// The same value, of which the compiler no longer knows: what is computed from it is computed again, as part of an
// address, instead of being kept in a register.
inline uint64_t forget(uint64_t value) {
  asm("" : "+r"(value));
  return value;
}

struct Product {
  uint64_t high;
  uint64_t low;
};

// With the factor taken from memory where it lies.
inline Product multiply(uint64_t value, const uint64_t& factor) {
#if defined(__x86_64__) && !LOAM_WATCHED
  Product product;
  asm("mulq %3" : "=a"(product.low), "=d"(product.high) : "0"(value), "m"(factor) : "cc");
  return product;
#else
  const auto wide = static_cast<unsigned __int128>(value) * peek(factor);
  return {static_cast<uint64_t>(wide >> 64), static_cast<uint64_t>(wide)};
#endif
}

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  asm volatile("yield" ::: "memory");
#endif
}

// A counter that goes at the same pace on all processors, and shows the same everywhere. The first form may be read before what stands
// in front of it in the program is done, never after what stands behind it can be seen by others; the second when all loads in front of it
// have their values.
inline uint64_t ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  uint64_t value;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value) : : "memory");
  return value;
#endif
}
inline uint64_t ticks_after() {
#if defined(__x86_64__)
  unsigned processor;
  return __builtin_ia32_rdtscp(&processor);
#else
  uint64_t value;
  asm volatile("isb; mrs %0, cntvct_el0" : "=r"(value) : : "memory");
  return value;
#endif
}

}  // namespace loam::sys
