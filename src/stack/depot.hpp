// Every stack that was met, once: stack -> 32-bit id, and back. Stacks share their outer parts: a record holds a few frames and the id of
// the record outside of them.
// Owns the records (never freed, in metadata memory). Invariant: equal stacks have equal ids, and an id means the same for ever, in children after a fork too. Id 0 is no
// stack.
// Locking: none; entering is one compare-and-swap. Async-signal-safe. A thread that is stopped in the middle of entering, or is lost in
// a fork, leaves nothing behind but unused bytes.
#pragma once

#include <atomic>
#include <cstdint>

#include "stack/frame.hpp"

namespace loam::stack {

using Id = uint32_t;
constexpr Id kNoStack = 0;

struct Resolved {
  uint32_t count = 0;  // of frames written
  uint32_t depth = 0;  // of the stack
  Ending ending = Ending::kLost;
};

class Depot {
 public:
  // A stack on its way in, frame by frame from the outermost.
  class Entering {
   public:
    Entering(Depot& into, Ending ending);
    void add(Frame frame) {
      frames_[count_++] = frame;
      if (count_ == kRun || ends_run(frame)) close();
    }
    // The id, or kNoStack when there is no memory.
    Id finish() {
      if (count_ > 0) close();
      return outer_;
    }

   private:
    void close();

    Depot& depot_;
    Id outer_;
    uint32_t count_ = 0;
    Frame frames_[8];
  };

  // The frames of a stack, innermost first, as many as fit.
  Resolved resolve(Id id, Frame* buffer, uint32_t capacity) const;

  uint64_t records() const { return records_.load(std::memory_order_relaxed); }
  uint64_t bytes() const { return uint64_t{pieces_made_.load(std::memory_order_relaxed)} << kPieceBits; }

 private:
  static constexpr uint32_t kRun = 8;
  static constexpr unsigned kPieceBits = 16;  // the most that the metadata arena gives at once
  static constexpr unsigned kUnitBits =
      4;  // records are aligned to 16 bytes; an id is the number of such a unit
  static constexpr uint32_t kUnitsPerPiece = 1u << (kPieceBits - kUnitBits);
  static constexpr uint32_t kMaxPieces = 1u << 16;
  static constexpr unsigned kBucketBits = 16;

  struct Record {
    Id outer;
    Id next;  // in the bucket
    uint32_t hash;
    uint16_t count;
    uint16_t depth;      // of the whole stack, 0xffff for that and more
    Frame frames[kRun];  // innermost first; only `count` of them are there
  };

  // Where a run of frames ends is said by its last frame: so the same stack is always cut in the same way.
  static bool ends_run(Frame frame) { return (frame.word() * 0x9e3779b97f4a7c15u) >> 62 == 0; }
  static uint32_t hash_of(Id outer, const Frame* frames, uint32_t count);

  Record* record(Id id) const {
    char* piece = pieces_[id / kUnitsPerPiece].load(std::memory_order_acquire);
    return reinterpret_cast<Record*>(piece + ((id % kUnitsPerPiece) << kUnitBits));
  }
  Id allocate(uint32_t count);
  Id find(Id from, Id until, uint32_t hash, Id outer, const Frame* frames, uint32_t count) const;
  // `frames` outermost first.
  Id enter(Id outer, const Frame* frames, uint32_t count);

  std::atomic<uint64_t> next_unit_{0};
  std::atomic<uint32_t> pieces_made_{0};
  std::atomic<uint64_t> records_{0};
  std::atomic<char*> pieces_[kMaxPieces];
  std::atomic<Id> buckets_[1u << kBucketBits];
};

// The process's one.
extern constinit Depot depot;

}  // namespace loam::stack
