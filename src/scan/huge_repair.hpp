// Makes huge pages of the heap's small ones before a copy of the process is made, and puts together again those that the copy
// has broken: the first write to one while the copy lives makes small pages of it.
//
// The time for which the threads stand still is that of copying the page tables, an entry a page: 512 times fewer for a
// huge one. Joining takes longer than the copy, but region by region while the threads run.
// Owns nothing but what it took from the scratch. Locking: none; the program runs meanwhile, and what it changes in between is
// left as it is.
#pragma once

#include <cstdint>

#include "scan/heap_view.hpp"
#include "scan/scratch.hpp"

namespace loam::scan {

class HugeRepair {
 public:
  // Joins regions all of whose pages are there, so that nothing becomes resident by it; none in a heap that is copied fast
  // enough as it is, and no more than what `budget_ns` of processor time has come to, where huge pages are dear.
  void join(const HeapView& heap, uint64_t budget_ns);
  // Notes which huge pages there are. Without memory, or where the kernel does not tell, there are none.
  void remember(const HeapView& heap, Scratch& scratch);
  // Puts together those that are none now, unless most of one has been given back.
  void repair();

  uint64_t joined_bytes() const { return joined_ * kHuge; }
  uint64_t before_bytes() const { return before_ * kHuge; }
  uint64_t broken_bytes() const { return broken_ * kHuge; }
  uint64_t restored_bytes() const { return restored_ * kHuge; }

 private:
  static constexpr uint64_t kHuge = uint64_t{2} << 20;

  uint64_t start_ = 0;
  uint64_t count_ = 0;
  uint8_t* was_huge_ = nullptr;
  uint64_t joined_ = 0;
  uint64_t before_ = 0;
  uint64_t broken_ = 0;
  uint64_t restored_ = 0;
};

}  // namespace loam::scan
