// A span: a run of slices with one purpose, and the record that says everything about it. Owns the layout that the
// fast paths of malloc and free read; the record lies in the metadata arena, never beside the blocks.
//
// Invariants: bit i of `bits` is 1 exactly while block i is free; bits from `blocks` up are 0.
// A record of small blocks is reused only by the same thread heap for the same class. A malloc that a signal handler
// interrupted between reading a word's address and taking a bit of it therefore finds there either no free bit or a
// block of its own heap and class, whatever the handler did; changing that would corrupt heaps under signals.
// Locking: `bits` and `budget` are written by the owner's thread only; other threads may read everything.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/bits.hpp"
#include "heap/size_class.hpp"
#include "meta/page_map.hpp"

namespace loam::heap {

struct ThreadHeap;

enum class SpanKind : uint8_t {
  kNone,        // no span: a slice nobody uses
  kSmall,       // blocks of a size class
  kLarge,       // one block
  kRetired,     // was a span of small blocks, now free slices: kept to name double frees
};

// Of small spans: where the owner keeps it. Of large ones: live or free.
enum class SpanState : uint8_t { kIdle, kCurrent, kAvailable, kFull, kLive, kFree };

constexpr unsigned kMaxWords = kMaxBlocks / 64;

struct alignas(64) Span {
  char* start;
  Span* next;  // in the owner's list, or in the pool of unused records
  Span* prev;
  uint32_t* requested;  // per block: bytes asked for; only while a mode remembers them
  std::atomic<uint64_t> large_bytes;
  std::atomic<uint64_t> large_requested;  // as `requested`, of a large block
  uint32_t slices;
  uint32_t block_size;
  std::atomic<SpanState> state;
  bool zeroed;  // the slices were zero and no block has been freed since
  uint32_t start_offset;  // of a large block: what alignment put in front of it

  // What free reads, in one cache line with the first words of the bitmap.
  alignas(64) ThreadHeap* owner;  // null unless kSmall
  uint64_t inverse;
  uint32_t start_low;
  uint32_t blocks;
  int32_t budget;  // frees by the owner until the slow path looks at this span again
  uint8_t class_index;
  SpanKind kind;
  uint64_t bits[kMaxWords];
  uint64_t base[kMaxWords];  // address of block 64 * k; kMaxWords words behind the bits it belongs to

  char* end() const { return start + size_t{slices} * meta::kSlice; }
  unsigned words() const { return static_cast<unsigned>(base::divide_up(blocks, 64)); }
};

static_assert(offsetof(Span, bits) == 96 && offsetof(Span, base) == 96 + 8 * kMaxWords);

// Bytes of a record whose bitmap has `words` words: the tail of `base` is never touched.
constexpr size_t record_bytes(unsigned words) { return base::align_up(offsetof(Span, base) + 8 * words, 64); }

struct BlockIndex {
  uint64_t index;
  bool exact;  // the address is where a block starts
};

// Which block of the span the address lies in: one multiplication (D. Lemire et al., "Faster remainder by direct
// computation", 2019): the high half of offset * ceil(2^64 / size) is the quotient, and the low half is below the
// factor only if nothing remains. Exact for offsets under 2^32.
inline BlockIndex block_index(const Span& span, const void* address) {
  const uint64_t offset = static_cast<uint32_t>(reinterpret_cast<uint64_t>(address)) - span.start_low;
  const auto product = static_cast<unsigned __int128>(offset & 0xffffffffu) * span.inverse;
  return {static_cast<uint64_t>(product >> 64), static_cast<uint64_t>(product) < span.inverse};
}

inline bool is_free(const Span& span, uint64_t index) {
  return ((__atomic_load_n(&span.bits[index / 64], __ATOMIC_RELAXED) >> (index % 64)) & 1) != 0;
}

unsigned count_free(const Span& span);

extern Span none_span;
extern constinit meta::PageMap<Span> page_map;

}  // namespace loam::heap
