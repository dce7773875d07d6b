// What tests of the collector share: a collection asked for by hand, and a frame that overwrites what others left on the stack.
// No state. Locking: takes the collector's lock.
#pragma once

#include <cstring>
#include <thread>
#include <vector>

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

struct Linked {
  Linked* to[6];
};

// Each with six pointers to any others, so that nearly all are reached from a few.
constexpr uint64_t kNodes = 300000;
inline std::vector<uint64_t> make_linked() {
  std::vector<uint64_t> nodes(kNodes);
  elsewhere([&] {
    for (uint64_t& node : nodes) node = reinterpret_cast<uint64_t>(allocate(Kind::kNormal, sizeof(Linked)));
    uint64_t random = 1;
    for (uint64_t i = 0; i < 6 * kNodes; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      reinterpret_cast<Linked*>(nodes[i / 6])->to[i % 6] =
          reinterpret_cast<Linked*>(nodes[(random >> 33) % kNodes]);
    }
  });
  return nodes;
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
