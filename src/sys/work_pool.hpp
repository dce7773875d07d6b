// Where threads that mark side by side leave work for each other: whoever has plenty gives when another is hungry, and who has
// nothing left waits here. Owns the work in it.
//
// Invariant: those who are inside and not idle have work of their own; so when all are idle and the pool is empty, all work is done.
// Locking: its own, for a few instructions; without libc and without thread-local storage, since not every thread here has them.
// Valid when zero: open, and nobody inside.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "sys/cpu.hpp"
#include "sys/kernel.hpp"

namespace loam::sys {

template <class Work>
class WorkPool {
  static_assert(std::is_trivially_copyable_v<Work>);

 public:
  static constexpr uint32_t kRoom = 1024;
  static constexpr uint32_t kTaken = 64;

  bool hungry() const {
    return idle_.load(std::memory_order_relaxed) != 0 ||
           count_.load(std::memory_order_relaxed) < stock_.load(std::memory_order_relaxed);
  }
  // So much is to lie ready, for those that do not wait.
  void keep(uint32_t stock) { stock_.store(stock, std::memory_order_relaxed); }
  // Requires: nobody else uses the pool.
  void empty_out() { count_.store(0, std::memory_order_relaxed); }

  // Returns false while the pool is closed.
  bool enter() {
    lock();
    const bool open = !closed_;
    if (open) inside_.fetch_add(1, std::memory_order_relaxed);
    unlock();
    return open;
  }
  void leave() { inside_.fetch_sub(1, std::memory_order_release); }
  // No more work will come. Waits until the caller is the only one inside; requires: it is inside, and all work is done.
  void close() {
    lock();
    closed_ = true;
    unlock();
    for (unsigned spin = 0; inside_.load(std::memory_order_acquire) != 1; ++spin) wait_a_little(spin);
  }
  // After close(), by who closed it: the caller is inside still.
  void reopen() {
    lock();
    closed_ = false;
    unlock();
  }

  // Returns how much of it there was room for.
  uint32_t give(const Work* work, uint32_t count) {
    lock();
    const uint32_t have = count_.load(std::memory_order_relaxed);
    const uint32_t given = count < kRoom - have ? count : kRoom - have;
    __builtin_memcpy(work_ + have, work, given * sizeof(Work));
    count_.store(have + given, std::memory_order_relaxed);
    unlock();
    return given;
  }
  // Takes half of what there is, at most kTaken, and does not wait.
  uint32_t try_take(Work* work) {
    lock();
    const uint32_t count = take_half(work);
    unlock();
    return count;
  }
  // Takes half of what there is, at most kTaken; waits for some if there is none. Returns how much, 0 when all work is done.
  uint32_t take(Work* work) { return take_until(work, false); }
  // The same, but waits for the pool's end.
  uint32_t take_until_closed(Work* work) { return take_until(work, true); }

 private:
  static constexpr unsigned kSpins = 200;

  static void wait_a_little(unsigned spin) {
    if (spin < kSpins)
      pause();
    else
      yield();
  }

  void lock() {
    for (unsigned spin = 0; lock_.exchange(1, std::memory_order_acquire) != 0; ++spin) wait_a_little(spin);
  }
  void unlock() { lock_.store(0, std::memory_order_release); }

  // Requires: the lock.
  uint32_t take_half(Work* work) {
    const uint32_t have = count_.load(std::memory_order_relaxed);
    const uint32_t half = (have + 1) / 2;
    const uint32_t count = half < kTaken ? half : kTaken;
    __builtin_memcpy(work, work_ + have - count, count * sizeof(Work));
    count_.store(have - count, std::memory_order_relaxed);
    return count;
  }

  uint32_t take_until(Work* work, bool closed) {
    idle_.fetch_add(1, std::memory_order_acq_rel);
    for (unsigned spin = 0;; ++spin) {
      lock();
      const uint32_t count = take_half(work);
      const bool all_idle = idle_.load(std::memory_order_acquire) == inside_.load(std::memory_order_relaxed);
      const bool done = count == 0 && (closed ? closed_ : all_idle);
      if (count != 0 || done) idle_.fetch_sub(1, std::memory_order_acq_rel);
      unlock();
      if (count != 0 || done) return count;
      // Without the lock, which those who have work want.
      while (count_.load(std::memory_order_relaxed) == 0 && ++spin % kSpins != 0) pause();
      if (spin >= kSpins) yield();
    }
  }

  std::atomic<uint32_t> lock_{0};
  std::atomic<uint32_t> idle_{0};
  std::atomic<uint32_t> inside_{0};
  std::atomic<uint32_t> count_{0};
  std::atomic<uint32_t> stock_{0};
  bool closed_ = false;
  Work work_[kRoom] = {};
};

}  // namespace loam::sys
