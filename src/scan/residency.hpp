// How much of a piece of the heap's memory is resident: a bit for each page of the window, read once.
// Owns nothing but what it took from the scratch. Locking: none; the process stands still.
#pragma once

#include <cstdint>

#include "scan/heap_view.hpp"
#include "scan/scratch.hpp"
#include "sys/resident.hpp"

namespace loam::scan {

class Residency {
 public:
  // Returns false when there is no memory or the kernel does not tell.
  bool read(const HeapView& heap, Scratch& scratch);

  // Resident bytes of [start, end).
  uint64_t bytes(uint64_t start, uint64_t end);

 private:
  static void add_run(const sys::ResidentRun& run, void* argument);
  bool inside(uint64_t address) const { return address - start_ < end_ - start_; }

  uint64_t start_ = 0;
  uint64_t end_ = 0;
  uint64_t* pages_ = nullptr;
  sys::PageScan scan_;
};

}  // namespace loam::scan
