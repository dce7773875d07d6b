#include "scan/work_pool.hpp"

#include "sys/cpu.hpp"
#include "sys/kernel.hpp"

namespace loam::scan {

namespace {

constexpr unsigned kSpins = 200;

void wait_a_little(unsigned spin) {
  if (spin < kSpins)
    sys::pause();
  else
    sys::yield();
}

}  // namespace

void WorkPool::lock() {
  for (unsigned spin = 0; lock_.exchange(1, std::memory_order_acquire) != 0; ++spin) wait_a_little(spin);
}

bool WorkPool::enter() {
  lock();
  const bool open = !closed_;
  if (open) inside_.fetch_add(1, std::memory_order_relaxed);
  unlock();
  return open;
}

void WorkPool::leave() { inside_.fetch_sub(1, std::memory_order_release); }

void WorkPool::close() {
  lock();
  closed_ = true;
  unlock();
  for (unsigned spin = 0; inside_.load(std::memory_order_acquire) != 1; ++spin) wait_a_little(spin);
}

uint32_t WorkPool::give(const Work* work, uint32_t count) {
  lock();
  const uint32_t have = count_.load(std::memory_order_relaxed);
  const uint32_t given = count < kRoom - have ? count : kRoom - have;
  __builtin_memcpy(work_ + have, work, given * sizeof(Work));
  count_.store(have + given, std::memory_order_relaxed);
  unlock();
  return given;
}

uint32_t WorkPool::take_until(Work* work, bool closed) {
  idle_.fetch_add(1, std::memory_order_acq_rel);
  for (unsigned spin = 0;; ++spin) {
    lock();
    const uint32_t have = count_.load(std::memory_order_relaxed);
    const uint32_t half = (have + 1) / 2;
    const uint32_t count = half < kTaken ? half : kTaken;
    const bool all_idle = idle_.load(std::memory_order_acquire) == inside_.load(std::memory_order_relaxed);
    const bool done = have == 0 && (closed ? closed_ : all_idle);
    if (count != 0) {
      __builtin_memcpy(work, work_ + have - count, count * sizeof(Work));
      count_.store(have - count, std::memory_order_relaxed);
    }
    if (count != 0 || done) idle_.fetch_sub(1, std::memory_order_acq_rel);
    unlock();
    if (count != 0 || done) return count;
    // Without the lock, which those who have work want.
    while (count_.load(std::memory_order_relaxed) == 0 && ++spin % kSpins != 0) sys::pause();
    if (spin >= kSpins) sys::yield();
  }
}

}  // namespace loam::scan
