// Two words at once, as one register of the processor holds them, at addresses of any alignment.
// Pure functions: no state, no locking.
#pragma once

#include <cstdint>
#include <cstring>

namespace loam::base {

using Pair [[gnu::vector_size(16)]] = uint64_t;

inline Pair pair_of(uint64_t word) { return Pair{word, word}; }

inline Pair load(const char* at) {
  Pair pair;
  memcpy(&pair, at, sizeof pair);
  return pair;
}

inline void store(char* at, Pair pair) { memcpy(at, &pair, sizeof pair); }

inline bool is_zero(Pair pair) { return (pair[0] | pair[1]) == 0; }

}  // namespace loam::base
