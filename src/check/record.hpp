// What check mode remembers of a block, outside of it: 32 bytes in an array beside the span's record, or in the guarded
// window's own table.
// Invariant: a record lasts as long as the memory it tells of, and is overwritten only when that memory is handed out
// again; so the record of a freed block still names both its stacks.
// Locking: none. The state is an atomic: of two threads that free a block exactly one takes it from kLive. The other
// fields are written by whoever holds the block: its allocator before it is handed out, and whoever took it from kLive.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace loam::check {

// 0: unknown.
using StackId = uint32_t;

// By which kind of function a block came, and must go.
enum class Family : uint8_t { kMalloc, kNew, kNewArray };

enum class BlockState : uint8_t {
  kNone,  // never handed out in this mode
  kLive,
  kLeaving,  // being freed: no longer the program's, not yet poisoned
  kFreed,    // freed, and its memory kept: in the quarantine, or behind guards
  kGone,     // freed, and its memory given back to the heap: told of until it is handed out again
};

// Whether the memory is still the block's, with its canary.
constexpr bool holds_memory(BlockState state) {
  return state == BlockState::kLive || state == BlockState::kLeaving || state == BlockState::kFreed;
}

struct Record {
  uint32_t size;  // bytes asked for, of blocks in spans
  std::atomic<BlockState> state;
  Family family;
  uint8_t alignment_log;  // of the alignment asked for; 4 where none was
  bool own_front;         // of a block in the page tier: no neighbour's canary ends in front of it
  uint32_t thread;        // that allocated
  StackId allocated_at;
  uint32_t freed_by;  // thread
  StackId freed_at;
  uint32_t sequence;  // of the allocation, over all threads, in steps of a batch; wraps
  uint32_t place;     // place_of its memory: a span's record may be used again for other addresses
};
static_assert(sizeof(Record) == 32);

inline uint32_t place_of(const char* memory) {
  return static_cast<uint32_t>(reinterpret_cast<uint64_t>(memory) >> 4);
}

// A block, wherever it lies.
struct BlockInfo {
  Record* record;  // null: no block of this mode
  char* user;      // what the program got
  size_t size;     // bytes asked for
  char* memory;    // first byte that is the block's own, canary included
  size_t capacity;
};

}  // namespace loam::check
