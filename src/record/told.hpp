// Which stacks and modules the ring file describes already, and how one more is written there.
// Invariant: a set bit means that some thread has written the description, or is about to.
// Locking: none; of two threads that meet a stack at once one writes it.
#pragma once

#include <atomic>
#include <cstdint>

#include "format/event_ring.hpp"

namespace loam::record {

// One bit an id, in pieces that are made when an id in them is met.
class ToldSet {
 public:
  bool contains(uint32_t id) const {
    const std::atomic<uint64_t>* piece = pieces_[id >> kPieceBits].load(std::memory_order_acquire);
    return piece != nullptr && (piece[word_of(id)].load(std::memory_order_relaxed) >> (id % 64) & 1) != 0;
  }
  // Returns whether the caller is the one to tell. True as well when there is no memory: told twice does no harm.
  bool insert(uint32_t id);
  // For a process that has another file. Requires: no other thread.
  void clear();

 private:
  static constexpr unsigned kPieceBits = 20;
  static constexpr uint32_t kPieceWords = (1u << kPieceBits) / 64;
  static uint32_t word_of(uint32_t id) { return (id & ((1u << kPieceBits) - 1)) / 64; }

  std::atomic<std::atomic<uint64_t>*> pieces_[size_t{1} << (32 - kPieceBits)] = {};
};
extern constinit ToldSet told_stacks;

inline bool is_told(uint32_t stack) { return told_stacks.contains(stack); }
// Describes the stack, and those of its modules that are not described yet, in the file. Without room there it stays unknown.
void tell(format::RingFile& file, uint32_t stack);
void forget_told();

// Makes pages of the file resident before they are written to: where the file system is full, a write would be answered by a signal.
// Page borders. False: there is no memory.
bool has_memory(format::RingFile& file, uint64_t offset, uint64_t bytes);

}  // namespace loam::record
