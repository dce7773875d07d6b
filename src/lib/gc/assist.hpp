// Threads that allocate help the second thread with marking beside the program: who is ahead of it (Cycle::pay) marks for a while instead of
// sleeping, as the second marker of two. One of them at a time; what one leaves half done the next goes on with, and the second
// thread takes it over when it has nothing left.
//
// Invariant: while the marking is closed nobody is inside, so that the world may be stopped, or the process forked, without a region's lock held
// by somebody who stands still.
// Locking: a word that says who is inside. drain() is the second thread's, help() any other's that allocates.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/marker.hpp"

namespace loam::collector {

class Assist {
 public:
  // Marks until nothing is left, with the help of others. `go_on` is told how many objects have been marked by all; where it says no, returns
  // false, and what was left is lost. Nobody is inside afterwards.
  bool drain(Marker& marker, Marker::GoOn go_on);

  // Marks, if nobody else does so and there is something, until `enough` says so of `until_ns`. Returns whether it did.
  using Enough = bool (*)(uint64_t until_ns);
  bool help(uint64_t until_ns, Enough enough);

  // Waits for whoever is inside. Requires: `enough` says yes from now on, in the one order of all atomics, so that nobody marks afterwards.
  void wait_until_left() const;

 private:
  bool enter();
  void leave() { inside_.store(0, std::memory_order_release); }
  void open() { open_.store(1); }
  void close();
  static bool count(uint64_t objects);
  static bool not_enough(uint64_t objects);

  std::atomic<uint32_t> open_{0};
  std::atomic<uint32_t> inside_{0};
  std::atomic<uint64_t> by_others_{0};  // objects
  Marker::GoOn go_on_ = nullptr;
  // Of whoever is inside.
  Enough enough_ = nullptr;
  uint64_t until_ns_ = 0;
  Pool pool_;
};

extern constinit Assist assist;

}  // namespace loam::collector
