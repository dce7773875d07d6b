// A second marker on a thread of its own, for a heap that takes long enough: memory answers two processors faster than one. In the
// copy of a process, where no other thread runs, or in tests.
// Owns nothing: thread, stack and tables lie in the scratch, and the thread must be finished before that goes.
// Locking: the pool's.
#pragma once

#include <cstdint>

#include "scan/marker.hpp"
#include "scan/readable.hpp"

namespace loam::scan {

class MarkHelper {
 public:
  // Starts a helper that takes blocks out of `open`, which from now on only markers with its pool may. Null when one would not help
  // (one processor, a small heap) or cannot be had.
  static MarkHelper* start(const BlockMap& map, BlockSet& open, const Readable& readable, Scratch& scratch);

  MarkHelper(const BlockMap& map, BlockSet& open, const Readable& readable) : marker_(map, open, &readable_) {
    readable_.share(readable);
  }

  WorkPool& pool() { return pool_; }
  // Requires: all work is done. Afterwards the figures of its marker are final.
  void finish() { pool_.close(); }
  const Marker& marker() const { return marker_; }
  uint64_t cpu_ns() const { return cpu_ns_; }

 private:
  static void run(void* helper);

  WorkPool pool_;
  Readable readable_;
  Marker marker_;
  uint64_t cpu_ns_ = 0;
};

}  // namespace loam::scan
