// malloc and free where they are fast. The whole way of a small block:
//
//   allocate(size)                     fast_path.hpp
//   ├─ pop(bin)                        a set bit of the class's current word: done
//   └─ allocate_slow                   runtime: attaches the thread, asks the mode, sorts large from small
//      └─ allocate_small               refill.cpp
//         ├─ pop(bin)
//         └─ refill                    the next word of the span │ a span with free blocks │ a new span
//            └─ acquire → Regions::claim → Regions::grow → the kernel
//
//   release(block)                     fast_path.hpp
//   ├─ put_back                        own block: its bit is set, done
//   ├─ attend                          refill.cpp: once in so many frees of a span: heartbeat, empty spans
//   └─ release_slow                    runtime
//      ├─ send                         another thread's block: into a parcel
//      ├─ release_large                one block, one span
//      └─ fault                        double, interior, foreign: says what and aborts
//
// Requires of both: nothing. Async-signal-safe up to the slow paths, and those see `busy`.
#pragma once

#include "heap/span.hpp"
#include "heap/thread_heap.hpp"
#include "sys/cpu.hpp"

namespace loam::heap {

// Takes the lowest free block of a word of Span::open, or else returns what `otherwise` does: if the word has at most one
// bit (one branch for both; the last one is the slow path's, see pop_any), or if a signal handler took it in between.
// `otherwise` must be a tail call, or the compiler saves registers for it on the way of all others.
template <class Otherwise>
inline void* pop_or(uint64_t* word, size_t block_size, Otherwise otherwise) {
  uint64_t seen = *const_cast<volatile uint64_t*>(word);
  const uint64_t rest = seen & (seen - 1);
  if (rest == 0 || !sys::replace(word, seen, rest)) [[unlikely]]
    return otherwise();
  return reinterpret_cast<void*>(word[kMaxWords] + sys::lowest_bit(seen) * block_size);
}

// Requires: size <= kMaxDirect. Of size 0 the bin is always empty.
template <class Otherwise>
inline void* pop_direct(size_t size, Otherwise otherwise) {
  static_assert(sizeof(Bin) == kGranule);
  const uint64_t rounded = base::align_up(size, kGranule);  // the block's size, and the offset of its bin
  const auto* bin = reinterpret_cast<const Bin*>(reinterpret_cast<const char*>(fast_heap->bins) + rounded);
  return pop_or(bin->word, rounded, otherwise);
}

// Takes the lowest free block of the bin, the last one too, or returns null.
inline void* pop_any(const Bin& bin) {
  for (;;) {
    uint64_t* word = *const_cast<uint64_t* const volatile*>(&bin.word);
    uint64_t seen = *const_cast<volatile uint64_t*>(word);
    if (seen == 0) return nullptr;
    if (sys::replace(word, seen, seen & (seen - 1)))
      return reinterpret_cast<void*>(word[kMaxWords] + sys::lowest_bit(seen) * bin.size);
  }
}

enum class Released : uint8_t { kDone, kAttend, kSlow };

// Puts the block back if it is a live one of this heap. kAttend: done, and its span wants the slow path.
// kSlow: nothing was changed.
inline Released put_back(const FastHeap* heap, void* block) {
  const uint64_t slice = page_map.slice_of(block);
  if (!page_map.covers(slice)) [[unlikely]]
    return Released::kSlow;
  Span* span = page_map.at(slice);
  if (span->owner != heap) [[unlikely]]
    return Released::kSlow;
  const BlockIndex at = block_index(*span, block);
  if (at.rest != 0) [[unlikely]]
    return Released::kSlow;
  const uint64_t bit = sys::single_bit(at.index, at.rest);
  const uint64_t word = at.index / 64;
  if (sys::any_bits_at<offsetof(Span, freed)>(span, word, bit)) [[unlikely]]
    return Released::kSlow;
  if (sys::any_bits_at<offsetof(Span, open)>(span, word, bit)) [[unlikely]]
    return Released::kSlow;
  sys::set_bits_at<offsetof(Span, freed)>(span, word, bit);
  if (--span->budget < 0) [[unlikely]]
    return Released::kAttend;
  return Released::kDone;
}

}  // namespace loam::heap
