// Blocks in the heap's spans of small ones: what nearly every call of the cheap tier is about. The same questions as in
// blocks.hpp, answered without a call, since they are asked several times in the life of each block.
// Locking: none.
#pragma once

#include "check/blocks.hpp"
#include "check/layout.hpp"
#include "sys/prefetch.hpp"

namespace loam::check {

// record null: the word points into no block of such a span, or into one without records.
inline Home small_home(const void* word) {
  heap::Span* span = heap::page_map.find(word);
  if (span == nullptr || sys::peek(span->kind) != heap::SpanKind::kSmall) return {};
  SpanNotes* notes = notes_of(*span);
  const uint64_t index = heap::block_index(*span, word).index;
  const uint64_t blocks = sys::peek(span->blocks);
  if (notes == nullptr || index >= blocks) return {};
  return {&notes->records[index], history_in(*notes, blocks, index), span, heap::block_at(*span, index),
          sys::peek(span->block_size)};
}

// Whether there is a word in front that is looked at: the end of the neighbour's memory, or of what the span leaves over.
inline bool has_front(const Home& home) { return home.memory - kWord >= sys::peek(home.span->start); }

inline uint64_t front_word(const Home& home, uint64_t secret) {
  return canary_word(secret, home.memory - home.capacity);
}

// Of a block of `size` bytes: whether the canaries behind and in front of it are as they were written.
inline bool is_whole(const Home& home, size_t size, uint64_t secret) {
  const uint64_t word = canary_word(secret, home.memory);
  char* const end = home.memory + home.capacity;
  const Extent tail = tail_extent(home.memory, size, end);
  if (!is_intact(tail, word)) return false;
  if (tail.start + tail.bytes != end && !is_intact(end_extent(end), word)) return false;
  return !has_front(home) || is_intact(end_extent(home.memory), front_word(home, secret));
}

inline void write_canaries_of(const Home& home, size_t size, uint64_t secret) {
  // While this block lives its span stays, and with it that word, whatever becomes of the neighbour.
  if (has_front(home)) write_canary(end_extent(home.memory), front_word(home, secret));
  const uint64_t word = canary_word(secret, home.memory);
  char* const end = home.memory + home.capacity;
  const Extent tail = tail_extent(home.memory, size, end);
  write_canary(tail, word);
  if (tail.start + tail.bytes != end) write_canary(end_extent(end), word);
}

// Asks for the lines that a look at the block will need, but for its history's.
inline void touch(const Home& home) {
  sys::ask_for(home.record);
  sys::ask_for(home.memory - kWord);
  sys::ask_for(home.memory);
  sys::ask_for(home.memory + home.capacity - kWord);
}

// The same, for all bytes between, as far as the processor does not see by itself what comes next.
inline void touch_middle(const Home& home) {
  constexpr size_t kLine = 64;
  constexpr size_t kMost = 8 * kLine;
  const size_t bytes = home.capacity < kMost ? home.capacity : kMost;
  for (size_t at = kLine; at < bytes; at += kLine) sys::ask_for(home.memory + at);
}

}  // namespace loam::check
