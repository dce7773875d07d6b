// A span: a run of slices with one purpose, and the record that says everything about it. Owns the layout that the
// fast paths of malloc and free read; the record lies in the metadata arena, never beside the blocks.
//
// Invariants: block i is live exactly while states[i] is kBlockLive; if it is not, it is either available (its bit in
// `available` is set), or on the stack of its owner or of a heap that freed it, or on its way home. Bits from `blocks` up
// are 0.
// The last block ends where the span ends; what is left over lies in front of the first, so that no address behind the last
// block could pass for one more.
// A record of small blocks is reused only for the same class.
// Locking: written by the owner's thread only, but for the state of a block, which is written by whoever frees it and, if
// that is another thread, takes it again; other threads may read everything, at any time (sys::peek, where the
// writer says sys::poke). They may meet a record on its way from one span to the next: what they read is then of neither,
// but never leads outside the record, whose kind stays, and whose class and number of blocks too.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/bits.hpp"
#include "heap/size_class.hpp"
#include "meta/page_map.hpp"
#include "sys/cpu.hpp"

namespace loam::heap {

struct ThreadHeap;
struct Stack;

enum class SpanKind : uint8_t {
  kNone,     // no span: a slice nobody uses
  kSmall,    // blocks of a size class
  kLarge,    // one block
  kRetired,  // was a span of small blocks, now free slices: kept to name double frees
};

// Of small spans: where the owner keeps it. Of large ones: live or free.
enum class SpanState : uint8_t { kIdle, kCurrent, kAvailable, kFull, kLive, kFree };

struct alignas(64) Span {
  static constexpr unsigned kStateStep = 8;  // states are read eight at a time

  char* start;  // of the first slice
  Span* next;   // in the owner's list, or in the pool of unused records
  Span* prev;
  void* notes;  // what a mode remembers of each block, in an array of its own; null in the fast mode
  std::atomic<uint64_t> large_bytes;
  std::atomic<uint64_t> large_requested;  // as `requested`, of a large block
  uint32_t slices;
  uint32_t block_size;
  std::atomic<SpanState> state;
  SpanKind kind;
  uint8_t class_index;
  bool kept_empty;  // counted in the owner's kept_empty_bytes
  uint16_t blocks;

  // What free reads.
  alignas(64) ThreadHeap* owner;  // null unless kSmall
  uint64_t first;                 // address of block 0
  uint64_t inverse;               // ceil(2^64 / block_size)
  Stack* stack;                   // of the owner and class
  uint32_t foreign_stack_at;      // the offset of the stack on which other threads put its blocks; 0: on none
  int32_t budget;                 // blocks made available by the owner until it looks at this span again
  uint16_t touched;               // blocks from here on have never been handed out
  // Of each block; behind the last of them lie the bits of `available`.
  alignas(8) uint8_t states[kMaxBlocks + kMaxBlocks / 8];

  char* end() const { return sys::peek(start) + size_t{sys::peek(slices)} * meta::kSlice; }
  unsigned words() const { return static_cast<unsigned>(base::divide_up(sys::peek(blocks), 64)); }
  // One bit a block: neither live nor on a stack nor on its way.
  uint64_t* available() {
    return reinterpret_cast<uint64_t*>(states + base::align_up(sys::peek(blocks), kStateStep));
  }
  const uint64_t* available() const { return const_cast<Span*>(this)->available(); }
};

// States of a block. Counting up from live leads to free, which tells a double free in the instruction that frees.
constexpr uint8_t kBlockLive = 0xff;
// Live, and somebody remembers it: counting up does not lead to free, so the fast path leaves its free to the slow one.
constexpr uint8_t kBlockWatched = 0xfe;
constexpr uint8_t kBlockFree = 0;
constexpr uint8_t kBlockZero = 1;  // free, and every byte of it is zero

// Bytes of a record for `blocks` blocks, without what growth.hpp puts behind: the tail of `states` is never touched.
constexpr size_t record_bytes(unsigned blocks) {
  return base::align_up(
      offsetof(Span, states) + base::align_up(blocks, Span::kStateStep) + base::divide_up(blocks, 64) * 8,
      64);
}

struct BlockIndex {
  uint64_t index;
  uint64_t rest;  // 0 exactly if the address is where a block starts
};

// Which block of the span the address lies in: one multiplication (D. Lemire et al., "Faster remainder by direct
// computation", 2019): the high half of offset * ceil(2^64 / size) is the quotient, and the low half tells the rest: it
// is index * (size - 2^64 % size), below 2^26, for a block's start, and at least 2^47 for any other address of the span,
// those in front of the first block included.
// Requires: the address lies in the span's slices. The index means nothing in front of the first block.
inline BlockIndex block_index(const Span& span, const void* address) {
  const sys::Product at =
      sys::multiply(reinterpret_cast<uint64_t>(address) - sys::peek(span.first), span.inverse);
  return {at.high, at.low >> 32};
}

inline char* block_at(const Span& span, uint64_t index) {
  return reinterpret_cast<char*>(sys::peek(span.first) + index * sys::peek(span.block_size));
}

inline bool is_free(const Span& span, uint64_t index) {
  return sys::peek(span.states[index]) < kBlockWatched;
}
inline bool is_watched(const Span& span, uint64_t index) {
  return sys::peek(span.states[index]) == kBlockWatched;
}
// Requires: the block is live, and its owner has just been handed it.
inline void watch(Span& span, uint64_t index) { sys::poke(span.states[index], kBlockWatched); }

// One bit for each live block of the 64 from 64 * word on.
uint64_t live_bits(const Span& span, uint64_t word);
unsigned count_live(const Span& span);

extern Span none_span;
extern constinit meta::PageMap<Span> page_map;

}  // namespace loam::heap
