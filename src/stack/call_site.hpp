// Whether an address can have been pushed by a call: the test of a return address that nothing else vouches for.
// Invariant: reads code only through what the memory says can be read. No state.
#pragma once

#include <cstdint>

#include "stack/memory.hpp"

namespace loam::stack {

// Whether the bytes before it are a call: near, or through a register or memory.
inline bool follows_call(uint64_t address, Memory& memory) {
  constexpr uint64_t kLongest = 7;
  if (address < kLongest || !memory.known(address - kLongest) || !memory.known(address - 1)) return false;
  const auto* end = reinterpret_cast<const uint8_t*>(address);
  if (end[-5] == 0xe8) return true;
  for (int length = 2; length <= static_cast<int>(kLongest); ++length) {
    if (end[-length] == 0xff && (end[-length + 1] & 0x38) == 0x10) return true;
  }
  return false;
}

}  // namespace loam::stack
