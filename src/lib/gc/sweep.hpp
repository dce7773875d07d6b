// What a collection does to the bits: takes objects for open before it, and clears the live bits of what is still open after it. No
// memory of dead objects is touched.
//
// Sweeping goes block by block, all at once while the world stands still, or bit by bit while the program runs: by whoever wants room,
// and by the second thread. Until a block's turn comes its dead objects count as live to who looks for room, and as dead to who looks
// for objects (is_dead).
// Invariant: while sweeping no marker runs. Locking: the collector's lock, save where a function says otherwise.
#pragma once

#include <cstdint>

#include "lib/gc/space.hpp"

namespace loam::collector {

// Takes for open whatever is live; of a young collection only what is not old. No lock: what is allocated meanwhile is taken or not. Blocks
// from `first` to `end`.
void open_blocks(uint32_t first, uint32_t end, bool young);
inline void open_all(bool young) { open_blocks(0, space.block_count(), young); }
// Nothing is open, and nothing waits.
void close_all();

inline bool has_objects(const Block& block) {
  const State state = state_of(block);
  return state == State::kSmall || state == State::kLarge;
}

struct Swept {
  uint64_t dead_bytes;
  uint64_t dead_young_bytes;  // of those
  uint64_t live_bytes;
  uint64_t live_objects;
};

class Sweep {
 public:
  // After marking; all lists of blocks with room are forgotten.
  void begin(bool young);
  bool going_on() const { return going_on_; }
  // So many blocks more. Returns whether all are done.
  bool step(uint32_t blocks);
  void finish() { step(UINT32_MAX); }
  const Swept& swept() const { return swept_; }

  // Whether a live object is known to be dead. No lock.
  bool is_dead(Slot slot) const { return going_on_ && space.is_open(slot); }

 private:
  void sweep_block(uint32_t number);
  void sweep_small(uint32_t number);
  unsigned sweep_bits(uint32_t number);

  uint32_t at_ = 0;
  bool young_ = false;
  bool going_on_ = false;
  Swept swept_ = {};
};

extern constinit Sweep sweep;

}  // namespace loam::collector
