// How words of the program's memory are read. No state, no locking.
#pragma once

#include <cstdint>

#include "sys/sanitizer.hpp"

namespace loam::scan {

// Whatever it holds. Also at addresses that are no multiple of its size: check mode lets a small block of odd size end where a guard
// page begins, and pointers lie in it as far from its start as always.
LOAM_UNWATCHED inline uint64_t word_at(uint64_t address) {
  using Word [[gnu::aligned(1), gnu::may_alias]] = const volatile uint64_t;
  return *reinterpret_cast<Word*>(address);
}

}  // namespace loam::scan
