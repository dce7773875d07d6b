#include "sys/lock.hpp"

#include <linux/futex.h>

#include "sys/cpu.hpp"
#include "sys/syscall.hpp"

namespace loam::sys {

namespace {
constexpr int kSpins = 100;

// Tells threads apart without a system call: from the address of the thread's control block, of which 37 bits are kept.
// Two threads whose blocks lie a multiple of 128 GiB apart would look alike; a lock held by the one would then make the
// other go the way of an interrupted holder, which is safe.
uint32_t thread_mark() {
  const auto block = reinterpret_cast<uint64_t>(__builtin_thread_pointer());
  return (static_cast<uint32_t>(block >> 6) & 0x7fffffffu) | 1u;
}
}  // namespace

bool Lock::try_lock() {
  uint32_t expected = 0;
  return state_.compare_exchange_strong(expected, thread_mark(), std::memory_order_acquire,
                                        std::memory_order_relaxed);
}

void Lock::lock() {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (try_lock()) return;
    pause();
  }
  const uint32_t mine = thread_mark();
  for (;;) {
    uint32_t seen = state_.load(std::memory_order_relaxed);
    if (seen == 0) {
      // Whoever slept cannot know whether others sleep too, so it takes the lock with the mark set.
      if (state_.compare_exchange_weak(seen, mine | kWaiters, std::memory_order_acquire)) return;
      continue;
    }
    if ((seen & kWaiters) == 0 &&
        !state_.compare_exchange_weak(seen, seen | kWaiters, std::memory_order_relaxed))
      continue;
    raw_call(SYS_futex, reinterpret_cast<long>(&state_), FUTEX_WAIT_PRIVATE,
             static_cast<long>(seen | kWaiters));
  }
}

void Lock::unlock() {
  const uint32_t before = state_.exchange(0, std::memory_order_release);
  if ((before & kWaiters) != 0) raw_call(SYS_futex, reinterpret_cast<long>(&state_), FUTEX_WAKE_PRIVATE, 1);
}

bool Lock::held_by_me() const {
  return (state_.load(std::memory_order_relaxed) & ~kWaiters) == thread_mark();
}

}  // namespace loam::sys
