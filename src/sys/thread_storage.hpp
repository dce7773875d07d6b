// Where the thread-local variables of a module lie for some other thread, as glibc's tables say. Pure reading of a thread that
// stands still: no state, no locking.
#pragma once

#include <cstdint>

#include "sys/registers.hpp"
#include "sys/sanitizer.hpp"

namespace loam::sys {

// `module` is dlpi_tls_modid, from 1. 0 if that thread has not touched them yet, or nothing is known.
LOAM_UNWATCHED inline uint64_t thread_storage(uint64_t thread_pointer, uint64_t module) {
#if defined(__x86_64__)
  // The table: before its entries how many there are, then the generation, then two words a module.
  struct Entry {
    uint64_t value;
    uint64_t to_free;
  };
  const auto* table = *reinterpret_cast<const Entry* const volatile*>(thread_pointer + kThreadTableOffset);
  if (table == nullptr || module == 0 || module > table[-1].value) return 0;
  const uint64_t value = table[module].value;
  return value == ~uint64_t{0} ? 0 : value;
#else
  (void)thread_pointer;
  (void)module;
  return 0;
#endif
}

}  // namespace loam::sys
