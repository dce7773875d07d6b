// Fresh memory of a large heap is touched by the second thread before the program gets there: a fault that takes a huge page clears 2 MiB, and where
// a virtual machine's host has to find them takes milliseconds, in one operation of the program. A program that is faster than that waits
// for the second thread: when both take such faults at once each takes twice as long. It begins to wait long before it gets there, a tenth of a
// millisecond for each block.
//
// It also makes the kernel ready for what the heap will grow by, and touches the marker's bits of that memory, which lie on huge pages as well.
//
// Owns nothing but what is asked for. Locking: the collector's lock for begin() and note(); the others need none.
#pragma once

#include <atomic>
#include <cstdint>

namespace loam::collector {

class Ahead {
 public:
  // The second thread runs.
  void begin() { on_ = true; }
  // A block that was free is taken.
  void note(uint32_t block);
  // On the second thread. Returns whether there was something to do.
  bool work();
  // Before the program writes to an object there. Sleeps a little where the second thread is only just ahead, and where it is not until it has
  // touched that memory, or has not begun to for a while.
  void wait_for(uint64_t address);
  // In the child there is no second thread.
  void after_fork();

 private:
  void touch(uint32_t region);
  void nap_at(uint32_t block, uint32_t touched);

  bool on_ = false;
  uint32_t noted_ = 0;  // regions from the base on that were asked for
  std::atomic<uint32_t> asked_{0};
  std::atomic<uint32_t> touched_{0};
  std::atomic<uint32_t> touching_{0};  // one above the region that is being touched just now; 0: none
  std::atomic<uint32_t> given_up_{0};  // below, nobody waits
  std::atomic<uint32_t> napped_{0};    // the block of the last nap
};

extern constinit Ahead ahead;

}  // namespace loam::collector
