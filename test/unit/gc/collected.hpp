// What tests of the collector share: a collection asked for by hand, and a frame that overwrites what others left on the stack.
// No state. Locking: takes the collector's lock.
#pragma once

#include <cstring>
#include <thread>

#include "lib/gc/allocate.hpp"
#include "lib/gc/collect.hpp"
#include "lib/gc/finalize.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc/thread.hpp"

namespace loam::collector {

__attribute__((noinline)) inline void wipe_stack() {
  volatile char frame[16384];
  for (auto& byte : frame) byte = 0;
}

// On a thread that has ended when this returns: nothing of its stack or its registers is left that could hold an object.
template <class Work>
void elsewhere(Work&& work) {
  std::thread([&] {
    threads.join(0);
    work();
    threads.leave(false);
  }).join();
}

inline void collect_now() {
  start();
  if (current == nullptr) threads.join(0);
  wipe_stack();
  {
    const sys::LockGuard guard(heap.lock);
    collect(Reason::kAsked);
  }
  if (finalizers.due()) run_finalizers_automatically();
}

}  // namespace loam::collector
