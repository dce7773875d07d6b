// The addresses of the collected heap: one reserved window, cut into blocks of 64 KiB. A block holds objects of one size class
// and kind, or is part of a large object. Which object any word points into is found in two loads: the block's entry in a flat
// table, and one bit beside others of its block.
//
// Two bits an object, both outside of it. `live`: handed out (or about to be, in a thread's buffer) and not known to be dead.
// `open`: during a collection, live and not reached yet. What is still open at the end is dead.
// `waiting`: reached, and not read yet; it lies beside `open` since who takes an object out of the open ones writes both.
// `old`: has survived a collection.
// Invariant: a bit of `open` or `old` is set only if that of `live` is.
// Owns the window and its tables, which never move. Locking: the collector's lock for all that changes, but for `open` and `waiting` while
// a marker runs: then they are the marker's. While one runs beside the program free blocks may be taken, and none is freed.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/size_class.hpp"
#include "sys/cpu.hpp"

namespace loam::collector {

enum class State : uint8_t { kFree, kSmall, kLarge, kRest /* of a large object */ };

struct Block {
  uint32_t
      inverse;  // ceil(2^32 / bytes), so that index = offset * inverse >> 32; 0 if there is one object or none
  uint32_t bytes;  // of an object; of kRest how many blocks before this one the object starts
  State state;
  Kind kind;
  uint8_t size_class;
  bool pristine;   // never written to since the kernel gave it
  uint16_t slots;  // objects that have room
  uint16_t freed;  // by the program, since the block was last looked through
};

// The state comes first when a block is read that another thread may just be making, and last when it is made: who sees it sees
// the rest.
inline State state_of(const Block& block) {
  State state;
  __atomic_load(&block.state, &state, __ATOMIC_ACQUIRE);
  return state;
}
inline void set_state(Block& block, State state) { __atomic_store(&block.state, &state, __ATOMIC_RELEASE); }

struct BlockMore {
  uint64_t large_bytes;  // kLarge: what was asked for, rounded up to a unit
  uint32_t length;       // kLarge: blocks
  uint32_t next;         // in the list of those with room
  uint16_t live;         // at the end of the last collection; of a large object 1
  bool owned;            // some thread's buffer is in it
  bool touched;          // since the last collection objects were taken from it or freed
  uint8_t listed;        // on the list of those with room, if this is the lists' number
};

constexpr uint32_t kNoBlock = UINT32_MAX;
constexpr unsigned kBitWords = kBlockBytes / kUnit / 64;

// Of 64 objects.
struct Marks {
  uint64_t open;
  uint64_t waiting;
};

struct Slot {
  uint32_t block;  // kNoBlock: none
  uint32_t index;
};

class Space {
 public:
  // Reserves the window, as much as the process may have. Returns false if the kernel gives none.
  bool open();
  bool opened() const { return base_ != 0; }

  uint64_t base() const { return base_; }
  uint64_t window_bytes() const { return window_bytes_; }
  uint64_t used_bytes() const { return used_bytes_; }  // of the window, from its base on
  uint32_t block_count() const { return static_cast<uint32_t>(sys::peek(used_bytes_) >> kBlockShift); }
  uint64_t free_blocks() const { return free_blocks_; }

  Block& block(uint32_t number) { return blocks_[number]; }
  const Block& block(uint32_t number) const { return blocks_[number]; }
  BlockMore& more(uint32_t number) { return more_[number]; }
  uint64_t* live(uint32_t number) { return live_ + uint64_t{number} * kBitWords; }
  uint64_t* old(uint32_t number) { return old_ + uint64_t{number} * kBitWords; }
  Marks* marks(uint32_t number) { return marks_ + uint64_t{number} * kBitWords; }
  uint64_t address(uint32_t number) const { return base_ + (uint64_t{number} << kBlockShift); }
  static unsigned words(const Block& block) { return (block.slots + 63u) / 64; }

  // The object, live or not, that the word points into.
  Slot find(uint64_t word) const {
    const uint64_t offset = word - base_;
    if (offset >= sys::peek(used_bytes_)) return {kNoBlock, 0};
    auto number = static_cast<uint32_t>(offset >> kBlockShift);
    const Block& found = blocks_[number];
    const State state = state_of(found);
    if (state == State::kSmall) {
      const uint64_t index = ((offset & (kBlockBytes - 1)) * found.inverse) >> 32;
      return {index < found.slots ? number : kNoBlock, static_cast<uint32_t>(index)};
    }
    if (state == State::kRest) number -= found.bytes;
    return {state == State::kFree ? kNoBlock : number, 0};
  }
  bool is_live(Slot slot) const {
    return slot.block != kNoBlock &&
           ((live_[uint64_t{slot.block} * kBitWords + slot.index / 64] >> (slot.index % 64)) & 1) != 0;
  }
  bool is_open(Slot slot) const {
    return slot.block != kNoBlock &&
           ((marks_[uint64_t{slot.block} * kBitWords + slot.index / 64].open >> (slot.index % 64)) & 1) != 0;
  }
  uint64_t start_of(Slot slot) const {
    return address(slot.block) + uint64_t{slot.index} * blocks_[slot.block].bytes;
  }
  uint64_t bytes_of(Slot slot) const {
    const Block& found = blocks_[slot.block];
    return found.state == State::kLarge ? more_[slot.block].large_bytes : found.bytes;
  }

  // `count` neighbouring free blocks, by growing if there are none. Returns the first, or kNoBlock if the limit or the kernel
  // forbids it. Their state is for the caller to set.
  uint32_t take(uint32_t count);
  void make_small(uint32_t number, Kind kind, unsigned size_class);
  void make_large(uint32_t first, uint32_t count, Kind kind, uint64_t bytes);
  // Frees a small block or all of a large object; their bits are clear afterwards.
  void release(uint32_t first);

  // So much of the window can be written to. The kernel lets no mapping grow while one of its pages is being fetched: better on the thread that
  // fetches them. No lock. Returns false if the kernel gives no more.
  bool prepare_to(uint64_t bytes);
  // Makes the heap at least so large. Returns whether it is.
  bool grow_to(uint64_t bytes);
  void set_limit(uint64_t bytes) { limit_ = bytes; }
  uint64_t limit() const { return limit_; }
  // Gives the pages of all free blocks back. Returns how many bytes.
  uint64_t purge();

 private:
  uint32_t find_run(uint32_t count, uint32_t from, uint32_t to);
  bool grow(uint32_t blocks);
  void advise_marks();

  uint64_t base_ = 0;
  uint64_t used_bytes_ = 0;
  std::atomic<uint64_t> prepared_bytes_{0};
  bool huge_marks_ = false;
  uint64_t window_bytes_ = 0;
  uint64_t limit_ = UINT64_MAX;
  uint64_t free_blocks_ = 0;
  uint32_t hint_ = 0;  // no single free block lies below
  Block* blocks_ = nullptr;
  BlockMore* more_ = nullptr;
  uint64_t* live_ = nullptr;
  uint64_t* old_ = nullptr;
  Marks* marks_ = nullptr;
};

extern constinit Space space;

}  // namespace loam::collector
