// Changing a word that another thread may change too, at the price of an ordinary instruction while the process has one thread: a locked
// one costs some twenty cycles, and check mode makes four for each malloc and free. It is still one instruction, so that a signal
// handler comes before it or after it. The C library tells: it notes a second thread before it makes one, as its own locks require.
// No state of its own.
#pragma once

#include <sys/single_threaded.h>

#include <atomic>

#include "sys/sanitizer.hpp"

namespace loam::sys {

// As std::atomic::compare_exchange_strong, with acquire and release.
template <class T>
inline bool exchange_if(T* place, T& expected, T desired) {
  static_assert(sizeof(T) == 1 || sizeof(T) == 8);
#if defined(__x86_64__) && !LOAM_WATCHED
  if (__libc_single_threaded != 0) [[likely]] {
    bool done;
    asm volatile("cmpxchg %3, %1" : "=@ccz"(done), "+m"(*place), "+a"(expected) : "r"(desired) : "memory");
    return done;
  }
#endif
  // Not the forms that end in _n: Clang takes no enumeration for those.
  return __atomic_compare_exchange(place, &expected, &desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

// As std::atomic::exchange.
template <class T>
inline T exchange(T* place, T desired) {
  T before;
  __atomic_load(place, &before, __ATOMIC_RELAXED);
  while (!exchange_if(place, before, desired)) {
  }
  return before;
}

template <class T>
inline bool exchange_if(std::atomic<T>& place, T& expected, T desired) {
  static_assert(sizeof(std::atomic<T>) == sizeof(T));
  return exchange_if(reinterpret_cast<T*>(&place), expected, desired);
}
template <class T>
inline T exchange(std::atomic<T>& place, T desired) {
  return exchange(reinterpret_cast<T*>(&place), desired);
}

}  // namespace loam::sys
