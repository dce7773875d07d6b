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
//   ├─ put_bit(span.bits)              own block: done; every so many frees attend(): heartbeat, empty spans
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

// Takes the lowest free block of the bin's word, or returns null if there is none. The word is read again after a
// failed take_bit, since a signal handler may have moved the bin on.
inline void* pop(const Bin& bin) {
  for (;;) {
    uint64_t* word = *const_cast<uint64_t* const volatile*>(&bin.word);
    const uint64_t seen = *const_cast<const volatile uint64_t*>(word);
    if (seen == 0) [[unlikely]]
      return nullptr;
    const uint64_t index = sys::lowest_bit(seen);
    if (sys::take_bit(word, index)) [[likely]] {
      auto* block = reinterpret_cast<void*>(word[kMaxWords] + index * bin.size);
      if (block == nullptr) __builtin_unreachable();  // saves the callers' test
      return block;
    }
  }
}

// Requires: 1 <= size <= kMaxDirect.
inline const Bin& direct_bin(const FastHeap& heap, size_t size) {
  // (size - 1) / 16 * sizeof(Bin), without the shifts.
  static_assert(sizeof(Bin) == kGranule);
  const uint64_t offset = (size - 1) & ~uint64_t{kGranule - 1};
  return *reinterpret_cast<const Bin*>(reinterpret_cast<const char*>(heap.bins) + offset);
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
  if (!at.exact || static_cast<uint32_t>(at.index) >= span->blocks) [[unlikely]]
    return Released::kSlow;
  if (sys::put_bit(span->bits, at.index)) [[unlikely]]
    return Released::kSlow;
  if (--span->budget < 0) [[unlikely]]
    return Released::kAttend;
  return Released::kDone;
}

}  // namespace loam::heap
