// Puts the heap's huge pages together again that a copy of the process has broken: the first write to one while the copy
// lives makes small pages of it.
// Owns nothing but what it took from the scratch. Locking: none; the program runs meanwhile, and what it changes in between is
// left as it is.
#pragma once

#include <cstdint>

#include "scan/heap_view.hpp"
#include "scan/scratch.hpp"

namespace loam::scan {

class HugeRepair {
 public:
  // Notes which huge pages there are. Without memory, or where the kernel does not tell, there are none.
  void remember(const HeapView& heap, Scratch& scratch);
  // Puts together those that are none now, unless most of one has been given back.
  void repair();

  uint64_t before_bytes() const { return before_ * kHuge; }
  uint64_t broken_bytes() const { return broken_ * kHuge; }
  uint64_t restored_bytes() const { return restored_ * kHuge; }

 private:
  static constexpr uint64_t kHuge = uint64_t{2} << 20;

  uint64_t start_ = 0;
  uint64_t count_ = 0;
  uint8_t* was_huge_ = nullptr;
  uint64_t before_ = 0;
  uint64_t broken_ = 0;
  uint64_t restored_ = 0;
};

}  // namespace loam::scan
