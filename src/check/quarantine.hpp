// Where freed blocks wait before their memory is used again: a ring in the order of the frees, over all threads. The number
// of a block's slot is also what its poison says.
//
// Invariants: slots from tail to head are in use or on their way to be; a thread claims kBatch of them at once. A slot
// that was passed by while still empty is closed, and its claimer takes others.
// Locking: putting in is lock-free; taking out holds `lock_` (rank below the heap's locks, for releasing goes there).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sys/lock.hpp"

namespace loam::check {

// A thread's part: slots that it has claimed, and bytes not yet told.
struct QuarantinePart {
  uint64_t next;
  uint64_t end;
  uint64_t untold_bytes;
};

class Quarantine {
 public:
  // Room for the 200,000 frees that a block is to wait for, however small the blocks, less what threads hold and is_over() keeps free.
  static constexpr uint64_t kSlots = uint64_t{1} << 18;
  static constexpr uint64_t kMostSlots = 2 * kSlots;  // of a bound so large that they may be needed
  static constexpr uint64_t kLargeBound = uint64_t{32} << 20;
  static constexpr uint64_t kBatch = 32;
  static constexpr uint64_t kNoSlot = ~uint64_t{0};

  // Returns false when the kernel gives no room for the ring.
  bool open(uint64_t most_bytes);

  // A slot for a block that is about to be put in; kNoSlot if the ring is full.
  uint64_t reserve(QuarantinePart& part) {
    if (part.next == part.end && !claim(part)) [[unlikely]]
      return kNoSlot;
    return part.next++ & (slots_ - 1);
  }
  // The block is in. Returns false if the slot has been closed meanwhile: reserve another.
  bool put(QuarantinePart& part, uint64_t slot, char* memory, size_t bytes);

  // Whether more than the bound is in.
  bool is_over() const {
    return bytes_.load(std::memory_order_relaxed) > most_bytes_ || blocks() > slots_ - slots_ / 8;
  }
  // If so, takes out the oldest; they are the visitor's. Not by two threads at once: the second
  // returns at once, unless the ring is full.
  using Visitor = void (*)(uint64_t slot, char* memory, void* argument);
  void take_excess(Visitor prepare, Visitor visit, void* argument);
  // Of what a visitor of take_excess took out.
  void forget_bytes(size_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

  // Visits all that are in, without taking them out, which nobody else does meanwhile; `prepare` is called for each some time before.
  void for_each(Visitor prepare, Visitor visit, void* argument);
  // What lies in the slot; null if nothing does.
  char* at(uint64_t slot) const;

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t blocks() const {
    return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_relaxed);
  }
  const void* ring() const { return ring_; }
  uint64_t slots() const { return slots_; }
  uint64_t ring_bytes() const { return slots_ * sizeof(Slot); }
  sys::Lock& lock() { return lock_; }

 private:
  using Slot = std::atomic<char*>;

  bool claim(QuarantinePart& part);
  uint64_t take_batch(uint64_t (&slots)[kBatch], char* (&blocks)[kBatch]);

  Slot* ring_ = nullptr;
  uint64_t slots_ = 0;  // a power of two
  uint64_t most_bytes_ = 0;
  std::atomic<uint64_t> head_{0};
  std::atomic<uint64_t> tail_{0};
  std::atomic<uint64_t> bytes_{0};
  sys::RankedLock<sys::LockRank::kQuarantine> lock_;
};

}  // namespace loam::check
