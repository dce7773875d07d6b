// What check mode remembers of a block, outside of it: a record of what every free asks, so dense that many blocks share a line
// of the cache, and a history, which is only written until there is something to tell. Both lie in arrays beside the span's
// record, or in a window's own table.
// Invariant: record and history last as long as the memory they tell of, and are overwritten only when that memory is handed out
// again; so the history of a freed block still names both its stacks.
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
  uint16_t size;  // bytes asked for, of small blocks
  std::atomic<BlockState> state;
  Family family : 7;
  bool own_front : 1;  // of a block in the page tier: no neighbour's canary ends in front of it
  uint32_t sequence;   // of the allocation, over all threads, in steps of a batch; wraps
};
static_assert(sizeof(Record) == 8);

struct History {
  StackId allocated_at;
  StackId freed_at;
  uint32_t thread;    // that allocated
  uint32_t freed_by;  // thread
};
static_assert(sizeof(History) == 16);

// Of a block that has neither among those of others.
struct LoneRecord {
  Record record;
  History history;
};

// A block, wherever it lies.
struct BlockInfo {
  Record* record;  // null: no block of this mode
  History* history;
  char* user;    // what the program got
  size_t size;   // bytes asked for
  char* memory;  // first byte that is the block's own, canary included
  size_t capacity;
};

}  // namespace loam::check
