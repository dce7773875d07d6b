// Arithmetic on sizes, addresses and 64-bit words. Pure functions: no state, no locking, never calls the system.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace loam::base {

// Not by std::has_single_bit, which counts the bits: see count_bits.
constexpr bool is_power_of_two(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

// Requires: `alignment` is a power of two and value + alignment - 1 does not overflow.
constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

constexpr uint64_t align_down(uint64_t value, uint64_t alignment) { return value & ~(alignment - 1); }

constexpr uint64_t divide_up(uint64_t value, uint64_t divisor) { return (value + divisor - 1) / divisor; }

// The low `count` bits set; count is 0 to 64.
constexpr uint64_t low_bits(unsigned count) {
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

constexpr unsigned lowest_bit(uint64_t word) { return static_cast<unsigned>(std::countr_zero(word)); }

constexpr unsigned highest_bit(uint64_t word) { return 63u - static_cast<unsigned>(std::countl_zero(word)); }

// In parallel by halves: without a processor's own instruction, which not all have, compilers call a function of libgcc with
// a table, which lie on pages that nothing else of libloam.so is read from.
constexpr unsigned count_bits(uint64_t word) {
  word -= (word >> 1) & 0x5555555555555555u;
  word = (word & 0x3333333333333333u) + ((word >> 2) & 0x3333333333333333u);
  word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return static_cast<unsigned>(word * 0x0101010101010101u >> 56);
}

// Bit i of the result is set where `word` has `count` (1 to 64) set bits from bit i upward: the possible starts of a run.
constexpr uint64_t run_starts(uint64_t word, unsigned count) {
  for (unsigned rest = count; rest > 1;) {
    const unsigned step = rest / 2;
    word &= word >> step;
    rest -= step;
  }
  return count > 1 ? word & low_bits(65 - count) : word;
}

}  // namespace loam::base
