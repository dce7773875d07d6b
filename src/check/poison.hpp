// What freed blocks are filled with: addresses in a reserved region that nobody may touch. Each slot of the quarantine has a
// stretch of its own there, so that a program which follows a pointer read from a freed block faults at an address that
// names the block and the displacement.
// Invariant: without a region (address space is limited) the word is an odd pattern outside of user space: a fault then
// tells nothing, but a write to a freed block is still seen.
// The lowest byte of the word is neither zero nor text, so that a zero written to a block's start shows; its lowest four
// bits are, for some instructions fault without an address when theirs is not aligned.
// Requires: open() was called. Locking: none after it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::check {

constexpr uint64_t kPoisonByte = 0xd0;

class Poison {
 public:
  // Room on both sides of a slot's word: larger members than this behind a dangling pointer name another slot.
  static constexpr uint64_t kMostStride = uint64_t{64} << 10;
  static constexpr uint64_t kLeastStride = 4096;

  // Reserves stretches for this many slots in at most `most_bytes`. Returns whether there is a region.
  bool open(uint64_t slots, uint64_t most_bytes);

  uint64_t word(uint64_t slot) const { return first_ + slot * stride_; }

  struct Place {
    bool inside;
    uint64_t slot;
    int64_t displacement;
  };
  // What an address in the region says.
  Place find(uint64_t address) const;
  bool has_region() const { return slots_ != 0; }
  uint64_t region_bytes() const { return slots_ * stride_; }

 private:
  uint64_t start_ = 0;
  uint64_t first_ = 0;
  uint64_t stride_ = 0;
  uint64_t slots_ = 0;
};

// Fills whole words; the rest at the end with the word's first bytes.
void fill_poison(char* start, size_t bytes, uint64_t word);
// Whether all are as filled.
bool is_poisoned(const char* start, size_t bytes, uint64_t word);
// The first byte that differs, or null; `last` as in find_damage.
const char* find_unpoisoned(const char* start, size_t bytes, uint64_t word, const char** last);

}  // namespace loam::check
