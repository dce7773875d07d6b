// The walk from frame to frame by rows, exact where the modules say how, guessed through frame pointers where they do not.
// Invariant: ends, never faults, and says how it ended. Requires that the stack walked is the calling thread's own, or one that
// stands still. Locking: none; async-signal-safe; needs no memory but its own 600 bytes of stack (2 KiB where whole rules run).
#pragma once

#include <cstdint>

#include "stack/frame.hpp"
#include "stack/memory.hpp"
#include "stack/registers.hpp"
#include "stack/row.hpp"

namespace loam::stack {

class Walk {
 public:
  explicit Walk(const Registers& start)
      : checkpoint_(start), pc_(start.pc()), sp_(start.sp()), bp_(start.bp()), exact_pc_(start.interrupted) {}

  uint64_t sp() const { return sp_; }
  // The frame that the walk stands on.
  Frame frame();
  // To the caller's frame. Returns false at the end.
  bool next();
  Ending ending() const { return ending_; }

 private:
  bool end(Ending ending) {
    ending_ = ending;
    return false;
  }
  bool arrive(uint64_t pc, uint64_t sp, uint64_t bp);
  bool next_by_row(const Row& row);
  bool next_by_rules();
  bool next_by_frame_pointer(const Row& row);
  const Row& row();

  Registers checkpoint_;  // all registers of the frame that is steps_ inside of this one
  uint64_t steps_ = 0;
  uint64_t pc_;
  uint64_t sp_;
  uint64_t bp_;
  bool exact_pc_;
  bool guessed_ = false;
  bool have_row_ = false;
  bool whole_ = true;  // the checkpoint can still be followed
  Row row_;
  Memory memory_;
  Ending ending_ = Ending::kLost;
};

struct Captured {
  uint32_t count = 0;
  Ending ending = Ending::kLost;
};

// Writes the frames from these registers outwards, innermost first, but leaves out those whose stack lies below `inside` (those of
// the runtime itself: pass the CFA of the function that the program called; null for all).
Captured capture(const Registers& start, const void* inside, Frame* buffer, uint32_t capacity);

}  // namespace loam::stack
