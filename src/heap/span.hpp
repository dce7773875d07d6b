// A span: a run of slices with one purpose, and the record that says everything about it. Owns the layout that the
// fast paths of malloc and free read; the record lies in the metadata arena, never beside the blocks.
//
// Invariants: block i is free exactly while bit i is set in `open` or in `freed`, never in both; bits from `blocks` up are
// 0. malloc takes from one word of `open`, which refill fills from `freed`; free sets bits of `freed` only. (With one word
// for both, each malloc would wait for the store of the free before it: 11 ns a pair instead of 5.) The last block ends where
// the span ends; what is left over lies in front of the first, so that no address behind the last block could pass
// for one more.
// A record of small blocks is reused only by the same thread heap for the same class. A malloc that a signal handler
// interrupts between reading its word and taking a bit of it therefore either fails to take it, or gets a block of its own
// heap and class, whatever the handler did to the span meanwhile: no mark is needed on the fast path.
// Locking: `open`, `freed` and `budget` are written by the owner's thread only; other threads may read everything, at any
// time (sys::peek, where the writer says sys::poke). They may meet a record on its way from one span to the next: what they
// read is then of neither, but never leads outside the record, whose kind stays, and whose class and number of words too.
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

enum class SpanKind : uint8_t {
  kNone,     // no span: a slice nobody uses
  kSmall,    // blocks of a size class
  kLarge,    // one block
  kRetired,  // was a span of small blocks, now free slices: kept to name double frees
};

// Of small spans: where the owner keeps it. Of large ones: live or free.
enum class SpanState : uint8_t { kIdle, kCurrent, kAvailable, kFull, kLive, kFree };

constexpr unsigned kMaxWords = kMaxBlocks / 64;

struct alignas(64) Span {
  char* start;  // of the first slice
  Span* next;   // in the owner's list, or in the pool of unused records
  Span* prev;
  uint32_t* requested;  // per block: bytes asked for; only while a mode remembers them
  std::atomic<uint64_t> large_bytes;
  std::atomic<uint64_t> large_requested;  // as `requested`, of a large block
  uint32_t slices;
  uint32_t block_size;
  std::atomic<SpanState> state;
  SpanKind kind;
  uint8_t class_index;
  bool zeroed;      // the slices were zero and no block has been freed since
  bool kept_empty;  // counted in the owner's kept_empty_bytes
  uint16_t blocks;

  // What free reads, in one cache line with the first words of the bitmap.
  alignas(64) ThreadHeap* owner;  // null unless kSmall
  uint64_t first;                 // address of block 0
  uint64_t inverse;               // ceil(2^64 / block_size)
  int32_t budget;                 // frees by the owner until the slow path looks at this span again
  uint16_t
      recent_at;  // where in the owner's heap the last word freed to is noted: offset of its class's Bin::recent
  uint16_t
      touched;  // blocks below this have been open before; the others never held anything of the program's
  uint64_t freed[kMaxWords];
  uint64_t open[kMaxWords];
  uint64_t
      base[kMaxWords];  // address of block 64 * k; kMaxWords words behind the word of `open` it belongs to

  char* end() const { return sys::peek(start) + size_t{sys::peek(slices)} * meta::kSlice; }
  unsigned words() const { return static_cast<unsigned>(base::divide_up(sys::peek(blocks), 64)); }
};

static_assert(offsetof(Span, freed) == 96 && offsetof(Span, base) == offsetof(Span, open) + 8 * kMaxWords);

// Bytes of a record whose bitmap has `words` words: the tail of `base` is never touched.
constexpr size_t record_bytes(unsigned words) { return base::align_up(offsetof(Span, base) + 8 * words, 64); }

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

inline uint64_t free_bits(const Span& span, uint64_t word) {
  // In this order: refill moves bits from `freed` to `open`, and another thread must not see them in neither.
  const uint64_t freed = __atomic_load_n(&span.freed[word], __ATOMIC_ACQUIRE);
  return freed | __atomic_load_n(&span.open[word], __ATOMIC_RELAXED);
}

inline bool is_free(const Span& span, uint64_t index) {
  return ((free_bits(span, index / 64) >> (index % 64)) & 1) != 0;
}

unsigned count_free(const Span& span);

extern Span none_span;
extern constinit meta::PageMap<Span> page_map;

}  // namespace loam::heap
