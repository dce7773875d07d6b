// Where markers that work side by side leave work for each other: whoever has plenty gives when another is hungry, and who has
// nothing left waits here. Owns the work in it.
//
// Invariant: those who are inside and not idle have work of their own; so when all are idle and the pool is empty, all work is done.
// Locking: its own, for a few instructions; without libc and without thread-local storage, since not every thread here has them.
// Valid when zero.
#pragma once

#include <atomic>
#include <cstdint>

namespace loam::scan {

class WorkPool {
 public:
  // Neighbours of which some wait: 64 blocks of a set.
  struct Work {
    uint32_t word;  // of the set
    uint32_t span;
    uint64_t bits;
  };

  static constexpr uint32_t kRoom = 1024;
  static constexpr uint32_t kTaken = 64;

  bool hungry() const { return idle_.load(std::memory_order_relaxed) != 0; }

  // Returns false once the pool is closed.
  bool enter();
  void leave();
  // No more work will come. Waits until the caller is the only one inside; requires: it is inside, and all work is done.
  void close();

  // Returns how much of it there was room for.
  uint32_t give(const Work* work, uint32_t count);
  // Takes half of what there is, at most kTaken; waits for some if there is none. Returns how much, 0 when all work is done.
  uint32_t take(Work* work) { return take_until(work, false); }
  // The same, but waits for the pool's end.
  uint32_t take_until_closed(Work* work) { return take_until(work, true); }

 private:
  void lock();
  void unlock() { lock_.store(0, std::memory_order_release); }
  uint32_t take_until(Work* work, bool closed);

  std::atomic<uint32_t> lock_{0};
  std::atomic<uint32_t> idle_{0};
  std::atomic<uint32_t> inside_{0};
  std::atomic<uint32_t> count_{0};
  bool closed_ = false;
  Work work_[kRoom] = {};
};

}  // namespace loam::scan
