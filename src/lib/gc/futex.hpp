// Waiting for a word that another thread changes, without libc: the second thread has none. No state.
#pragma once

#include <linux/futex.h>
#include <time.h>

#include <atomic>
#include <cstdint>

#include "sys/syscall.hpp"

namespace loam::collector {

// Until it no longer has that value, or is woken, or the time is over; 0 nanoseconds: however long it takes.
inline void wait(std::atomic<uint32_t>& word, uint32_t value, uint64_t nanoseconds) {
  const timespec time{static_cast<time_t>(nanoseconds / 1'000'000'000),
                      static_cast<long>(nanoseconds % 1'000'000'000)};
  sys::raw_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAIT_PRIVATE, static_cast<long>(value),
                nanoseconds == 0 ? 0 : reinterpret_cast<long>(&time));
}

inline void wake(std::atomic<uint32_t>& word) {
  sys::raw_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAKE_PRIVATE, INT32_MAX);
}

}  // namespace loam::collector
