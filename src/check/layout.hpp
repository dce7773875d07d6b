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

#include <cstring>

#include "base/bits.hpp"
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

// Writes the word's bytes, each where its address modulo eight says, so that any stretch can be checked on its own.
inline void write_canary(Extent extent, uint64_t word) {
  char* at = extent.start;
  char* const end = at + extent.bytes;
  const uint64_t ahead = reinterpret_cast<uint64_t>(at) % 8;
  if (ahead != 0) {
    const uint64_t shifted = word >> (8 * ahead);
    const auto left = static_cast<size_t>(end - at);
    const size_t some = left < 8 - ahead ? left : 8 - ahead;
    memcpy(at, &shifted, some);
    at += some;
  }
  for (; at + 8 <= end; at += 8) memcpy(at, &word, 8);
  if (at < end) memcpy(at, &word, static_cast<size_t>(end - at));
}

// Returns the first byte that is not the canary's, or null. `last`, if not null, gets the last such byte.
inline const char* find_damage(Extent extent, uint64_t word, const char** last = nullptr) {
  const char* first = nullptr;
  for (const char* at = extent.start; at < extent.start + extent.bytes;) {
    const uint64_t ahead = reinterpret_cast<uint64_t>(at) % 8;
    if (ahead == 0 && at + 8 <= extent.start + extent.bytes) {
      uint64_t seen;
      memcpy(&seen, at, 8);
      if (seen == word) [[likely]] {
        at += 8;
        continue;
      }
    }
    if (*at != static_cast<char>(word >> (8 * ahead))) {
      if (first == nullptr) first = at;
      if (last != nullptr) *last = at;
      if (last == nullptr) return first;
    }
    ++at;
  }
  return first;
}

}  // namespace loam::check
