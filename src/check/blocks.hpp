// Blocks of the cheap tier: those in the heap's own spans, and the few that got a mapping of their own because neither a span
// nor the guarded window had room. Where a block's record is, and what its canaries say.
// Invariant: `notes` of a span points to SpanNotes, made by the first allocation from it, for ever; they tell of the addresses
// that the span had when `start` was written. Since all blocks of a span are gone before it gets others, what is of before
// is known by its state.
// Locking: none.
#pragma once

#include "check/finding.hpp"
#include "check/layout.hpp"
#include "heap/outside.hpp"
#include "heap/span.hpp"
#include "heap/thread_heap.hpp"

namespace loam::check {

struct SpanNotes {
  std::atomic<char*> start;
  Record records[];  // one a block; behind them, on a line of their own, as many histories
};

constexpr size_t histories_at(uint64_t blocks) {
  return base::align_up(sizeof(SpanNotes) + blocks * sizeof(Record), alignof(heap::Span));
}

inline SpanNotes* notes_of(const heap::Span& span) {
  return static_cast<SpanNotes*>(__atomic_load_n(&span.notes, __ATOMIC_ACQUIRE));
}

inline History* history_in(SpanNotes& notes, uint64_t blocks, uint64_t index) {
  return reinterpret_cast<History*>(reinterpret_cast<char*>(&notes) + histories_at(blocks)) + index;
}

// Whether the notes tell of the addresses that the span has now.
inline bool is_noted(const heap::Span& span) {
  return notes_of(span)->start.load(std::memory_order_relaxed) == sys::peek(span.start);
}

struct Home {
  Record* record;  // null: no block
  History* history;
  heap::Span* span;  // null: a mapping of its own, whose first bytes the record is
  char* memory;
  size_t capacity;
};

// The block whose memory the word points into. Its record may never have been used, or be of another life.
Home find_home(const void* word);

// Of a block with a mapping of its own.
inline Home home_of(const heap::OutsideBlock& outside) {
  auto* lone = reinterpret_cast<LoneRecord*>(outside.block);
  return {&lone->record, &lone->history, nullptr, outside.block, outside.bytes};
}

// Whether the record tells of the block that this memory is now, or was last.
inline bool is_known(const Home& home) {
  return home.record != nullptr && home.record->state.load(std::memory_order_acquire) != BlockState::kNone &&
         (home.span == nullptr || is_noted(*home.span));
}

char* user_of(const Home& home);
size_t size_of(const Home& home);
BlockInfo info_of(const Home& home);

// Memory for a block with canaries, record found or made, nothing written but the size. record null: out of memory.
Home take_memory(heap::ThreadHeap* heap, size_t size, unsigned alignment_log, bool* zero);
// Back to the heap.
void give_memory(heap::ThreadHeap* heap, const Home& home);

void write_canaries(const Home& home, uint64_t secret);

// What the canaries behind a block and in front of it say. `finding` gets kind, address, offset, extent and whose block it
// is: damage that reaches to the next block but does not begin where this one ends was done from there. Mends what it
// reports, so that it is reported once. Returns whether there is damage; call again until there is none.
bool check_canaries(const Home& home, uint64_t secret, Finding* finding);

// Whether there is damage; only reads.
bool is_damaged(const Home& home, uint64_t secret);

// Fills in all that a finding says of a block.
void describe(const BlockInfo& block, Finding* finding);

}  // namespace loam::check
