// Makes a segment of a memo from rows and from the stack as it is now.
// Invariant: reads only memory that can be read. A value of one KiB on the stack; no locking, async-signal-safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stack/memo_parts.hpp"
#include "stack/memory.hpp"

namespace loam::stack {

struct Row;

class Builder {
 public:
  // From the frame with this pc, stack pointer and rbp outwards, at most to the stack pointer `boundary` if it lies outside.
  Builder(uint64_t pc, uint64_t sp, uint64_t bp, uint64_t boundary, Memory& memory)
      : memory_(memory),
        start_pc_(pc),
        start_sp_(sp),
        boundary_(boundary > sp ? boundary : 0),
        pc_(pc),
        sp_(sp),
        bp_(bp) {}

  // Returns false if the frames cannot be remembered.
  bool run();

  uint64_t hash() const;
  bool equals(const Segment& segment) const;
  size_t bytes() const;
  void copy(Segment& out) const;

 private:
  static constexpr unsigned kMaxWords = 32;
  static constexpr unsigned kMaxFrames = 24;

  bool step(const Row& row);
  bool end_unknown(const Row& row);
  bool find_cfa(const Row& row, uint64_t& cfa);
  bool need_bp();
  bool add(uint64_t place, uint64_t expected, bool relative);
  bool cut() const;

  Memory& memory_;
  const uint64_t start_pc_;
  const uint64_t start_sp_;
  const uint64_t boundary_;
  uint64_t pc_;
  uint64_t sp_;
  uint64_t bp_;
  uint64_t bp_place_ = 0;   // where it was saved, if in one of these frames
  bool bp_proved_ = false;  // one of the words says what it is
  bool needs_bp_ = false;
  bool ends_ = false;
  uint64_t bp_expected_ = 0;
  unsigned word_count_ = 0;
  unsigned frame_count_ = 0;
  Word words_[kMaxWords];
  Frame frames_[kMaxFrames];
};

}  // namespace loam::stack
