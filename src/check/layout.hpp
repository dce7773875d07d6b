// How a block of check mode lies in its memory: the program's bytes, then a canary to the end.
//
//   user = memory        user + size                       memory + capacity
//   |  what was asked    |  canary: kTailBytes, and the last word of all  |
//
// What is written in front of a block meets the end of its neighbour's canary. That last word is the same in each life of
// the memory, so that it may be looked at while the neighbour comes and goes.
//
// The canary is one word, mixed from a secret and the block's address, so that a copy of a neighbour's bytes does not
// pass for it. Pure functions: no state but the secret, no locking.
#pragma once

#include <bit>
#include <cstring>

#include "base/bits.hpp"
#include "base/pair.hpp"
#include "check/record.hpp"

namespace loam::check {

constexpr size_t kWord = 8;  // of each block's memory its last is canary
// More than a neighbour's front would catch, less than what a half-empty class of 64 KiB would cost to write.
constexpr size_t kTailBytes = 64;
constexpr size_t kFrontBytes = 64;  // of the room in front of a block that stands alone, what is checked

inline uint64_t canary_word(uint64_t secret, const char* memory) {
  const uint64_t mixed = (reinterpret_cast<uint64_t>(memory) ^ secret) * 0x9e3779b97f4a7c15u;
  // No byte of it is text, or zero: whichever comes first behind a block, the end of a string does not look like it.
  return mixed | 0x8080808080808080u;
}

// Memory for `size` bytes and the canary; 0 if it overflows.
constexpr size_t memory_for(size_t size) {
  size_t bytes;
  return __builtin_add_overflow(size, kWord, &bytes) ? 0 : bytes;
}

struct Extent {
  char* start;
  size_t bytes;
};

inline Extent front_extent(char* memory, const char* user) {
  const auto room = static_cast<size_t>(user - memory);
  const size_t bytes = room < kFrontBytes ? room : kFrontBytes;
  return {memory + room - bytes, bytes};
}

inline Extent tail_extent(char* user, size_t size, const char* memory_end) {
  const auto room = static_cast<size_t>(memory_end - (user + size));
  return {user + size, room < kTailBytes ? room : kTailBytes};
}

// The last word of a block's memory.
inline Extent end_extent(char* memory_end) { return {memory_end - kWord, kWord}; }

// What eight bytes from an address on hold of the canary: each byte's place in the word is its address modulo eight.
inline uint64_t canary_at(uint64_t word, const char* address) {
  return std::rotr(word, static_cast<int>(8 * (reinterpret_cast<uint64_t>(address) % 8)));
}

// Writes the word's bytes, each where its address modulo eight says, so that any stretch can be checked on its own.
inline void write_canary(Extent extent, uint64_t word) {
  const uint64_t shown = canary_at(word, extent.start);
  if (extent.bytes < kWord) {
    memcpy(extent.start, &shown, extent.bytes);
    return;
  }
  // The last step overlaps the one before, instead of a loop over single bytes.
  char* const last = extent.start + extent.bytes - kWord;
  const base::Pair pair = base::pair_of(shown);
  char* at = extent.start;
  for (; at + kWord < last; at += sizeof pair) base::store(at, pair);
  if (at < last) memcpy(at, &shown, kWord);
  const uint64_t end = canary_at(word, last);
  memcpy(last, &end, kWord);
}

// Whether the extent, of at least a word, is as it was written.
inline bool is_intact(Extent extent, uint64_t word) {
  const uint64_t shown = canary_at(word, extent.start);
  const char* const last = extent.start + extent.bytes - kWord;
  uint64_t seen;
  memcpy(&seen, last, kWord);
  uint64_t differs = seen ^ canary_at(word, last);
  if (extent.bytes > sizeof(base::Pair)) {
    const base::Pair pair = base::pair_of(shown);
    const char* const last_pair = extent.start + extent.bytes - sizeof pair;
    base::Pair others = base::load(last_pair) ^ base::pair_of(canary_at(word, last_pair));
    for (const char* at = extent.start; at < last_pair; at += sizeof pair) others |= base::load(at) ^ pair;
    differs |= others[0] | others[1];
  } else if (extent.bytes > kWord) {
    memcpy(&seen, extent.start, kWord);
    differs |= seen ^ shown;
  }
  return differs == 0;
}

// Returns the first byte that is not the canary's, or null. `last`, if not null, gets the last such byte.
inline const char* find_damage(Extent extent, uint64_t word, const char** last = nullptr) {
  if (extent.bytes >= kWord && is_intact(extent, word)) [[likely]]
    return nullptr;
  const char* first = nullptr;
  for (const char* at = extent.start; at < extent.start + extent.bytes; ++at) {
    const uint64_t ahead = reinterpret_cast<uint64_t>(at) % 8;
    if (*at != static_cast<char>(word >> (8 * ahead))) {
      if (first == nullptr) first = at;
      if (last != nullptr) *last = at;
      if (last == nullptr) return first;
    }
  }
  return first;
}

}  // namespace loam::check
