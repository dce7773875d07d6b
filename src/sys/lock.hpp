// A futex lock with a rank. State is valid when zero, and only zero: a lock inside a large table must not move the whole table
// from .bss to .data, of which each read makes 64 KiB resident. So the rank is part of the type. A thread may take locks only in
// rising rank; fork takes all of them in rank order. The owner's mark (thread_mark) is the state, so that a signal handler which interrupted the holder can
// tell (held_by_me) and go another way instead of waiting for itself.
#pragma once

#include <atomic>
#include <cstdint>

namespace loam::sys {

enum class LockRank : uint8_t {
  kQuarantine = 1,
  kWindow,
  kSites,
  kRegistry,
  kGrowth,
  kOutside,
  kMetadata,
  kPolicy
};

class Lock {
 public:
  constexpr Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock();
  bool try_lock();
  void unlock();
  bool held_by_me() const;
  bool is_locked() const { return state_.load(std::memory_order_relaxed) != 0; }
  // Whether somebody sleeps until it is free. Who unlocks it and locks it again at once is faster than who has to wake up.
  bool is_wanted() const { return (state_.load(std::memory_order_relaxed) & kWaiters) != 0; }

  // In the child of a fork: whoever waits for it does so in the parent.
  void reset() { state_.store(0, std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kWaiters = 1u << 31;

  std::atomic<uint32_t> state_{0};  // 0, or the owner's mark, with kWaiters when somebody sleeps
};

template <LockRank kRankOf>
class RankedLock : public Lock {
 public:
  static constexpr LockRank kRank = kRankOf;
};

class LockGuard {
 public:
  explicit LockGuard(Lock& lock) : lock_(lock) { lock_.lock(); }
  ~LockGuard() { lock_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Lock& lock_;
};

}  // namespace loam::sys
