// Which parts of the threads' stacks are dead, and so no roots: below the stack pointer; the stacks of threads that have
// ended, which glibc keeps for the next ones; a signal stack on which nobody stands.
//
// A stack is known by what lies above and below it: glibc puts its description of the thread at the upper end, and a guard
// below. Where either is missing nothing is called dead that might not be.
// Locking: none; reads the memory of a process that stands still.
#pragma once

#include <cstdint>

#include "scan/mapping_list.hpp"
#include "scan/stop.hpp"
#include "sys/resident.hpp"

namespace loam::scan {

struct DeadPart {
  uint64_t start;
  uint64_t end;
};

class Stacks {
 public:
  // `first_block` describes the program's first thread, whose stack has none.
  Stacks(const Stop& stop, const MappingList& mappings, uint64_t first_block);

  static constexpr unsigned kMostDead = 1 + 64;
  // Dead parts of a mapping, in no order; they may overlap. Returns how many.
  unsigned find_dead(const Mapping& mapping, DeadPart (&parts)[kMostDead]);

  // The thread's block at the end of a stack that the last call has found to be of an ended one; 0 if it was not.
  uint64_t ended_block() const { return ended_block_; }
  unsigned ended() const { return ended_; }

 private:
  bool lowest_pointer(const Mapping& mapping, uint64_t* stack) const;
  bool is_alive(uint64_t block) const;
  uint64_t find_block(const Mapping& mapping);

  const Stop& stop_;
  uint64_t first_block_;
  // Somebody's stack pointer is unknown or lies in no stack of glibc's: then any stack may be his.
  bool strangers_ = false;
  unsigned ended_ = 0;
  uint64_t ended_block_ = 0;
  sys::PageScan scan_;
};

}  // namespace loam::scan
