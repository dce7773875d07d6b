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

// set_bits and replace change memory in ONE instruction: atomic against a signal handler on the same thread, though not
// against other threads, and without the price of a locked one. (The one-instruction forms that also tell the old
// bit, bts and btr on memory, are microcoded: 2.4 ns each where these take 0.3.)

inline void set_bits(uint64_t* word, uint64_t bits) {
#if defined(__x86_64__) && !LOAM_WATCHED
  asm volatile("orq %1, %0" : "+m"(*word) : "r"(bits) : "cc");
#else
  __atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
#endif
}

// Whether any of the bits is set: a test of memory, without a register for the word.
inline bool any_bits(const uint64_t* word, uint64_t bits) {
#if defined(__x86_64__) && !LOAM_WATCHED
  bool any;
  asm volatile("testq %2, %1" : "=@ccnz"(any) : "m"(*word), "r"(bits) : "memory");
  return any;
#else
  return (*word & bits) != 0;
#endif
}

// Writes `desired` if *word still is `expected`; returns whether it was, else changes `expected` to what it is. One
// instruction, without the lock prefix.
inline bool replace(uint64_t* word, uint64_t& expected, uint64_t desired) {
#if defined(__x86_64__) && !LOAM_WATCHED
  bool was;
  asm volatile("cmpxchgq %3, %1" : "=@ccz"(was), "+m"(*word), "+a"(expected) : "r"(desired) : "memory");
  return was;
#else
  return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#endif
}

// Bit index % 64 alone. `zero` must be 0: a caller who has a zero at hand saves making one.
inline uint64_t single_bit(uint64_t index, uint64_t zero = 0) {
#if defined(__x86_64__) && !LOAM_WATCHED
  asm("btsq %1, %0" : "+r"(zero) : "r"(index) : "cc");  // unlike a shift, in any register
  return zero;
#else
  return zero | uint64_t{1} << (index % 64);
#endif
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

// The index of the lowest set bit. Requires: word is not 0. In 64 bits throughout: the builtin's int costs the fast path
// a sign extension. On processors before 2013 the instruction reads as bsf, which answers the same for all but 0.
inline uint64_t lowest_bit(uint64_t word) {
#if defined(__x86_64__) && !LOAM_WATCHED
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
