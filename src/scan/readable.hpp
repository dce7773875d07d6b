// Which parts of the heap's memory can and need be read: not what the program has protected from reading, and of large
// blocks only pages that hold something, since reading the others would bring them into being.
// Owns nothing but what it took from the scratch. Locking: none.
#pragma once

#include <cstdint>

#include "scan/scratch.hpp"
#include "sys/resident.hpp"

namespace loam::scan {

class Readable {
 public:
  struct Range {
    uint64_t start;
    uint64_t end;
  };
  using Visitor = void (*)(uint64_t start, uint64_t end, void* argument);

  // Room for so many unreadable ranges. Returns false when there is no memory.
  bool prepare(Scratch& scratch, uint64_t most);
  // In address order.
  void forbid(uint64_t start, uint64_t end);
  // Forbids what the other one forbids, in the same memory, for another thread: asking the kernel for pages is for one at a time.
  void share(const Readable& other) {
    forbidden_ = other.forbidden_;
    count_ = other.count_;
  }
  bool all() const { return count_ == 0; }

  // The parts of [start, end) that may be read. With `pages` only those of them that hold something.
  void visit(uint64_t start, uint64_t end, bool pages, Visitor visitor, void* argument) const;

 private:
  void visit_allowed(uint64_t start, uint64_t end, Visitor visitor, void* argument) const;

  Range* forbidden_ = nullptr;
  uint64_t count_ = 0;
  uint64_t room_ = 0;
  mutable sys::PageScan scan_;
};

}  // namespace loam::scan
