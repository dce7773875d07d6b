// Blocks that realloc grows. A block that grows past 256 bytes moves once, into room of 64 KiB of which only the pages
// in use are ever touched, and then grows in place: a chain of doublings copies 256 bytes instead of 64 KiB. Where the
// slices behind its room are free it grows on as a large block.
// Invariant: a heap has at most kMostGrowthSpans such blocks, so that what they waste (part of a page each) is bounded;
// when they are taken, blocks grow from class to class as anywhere.
// Locking: the owner's thread.
#pragma once

#include "heap/thread_heap.hpp"

namespace loam::heap {

constexpr size_t kGrowFrom = 256;
constexpr uint32_t kMostGrowthSpans = 16;

inline bool is_growth(const Span& span) { return sys::peek(span.class_index) == kGrowthClass; }

// Behind the words of `available`, one a block.
inline uint64_t* growth_sizes(Span& span) { return span.available() + span.words(); }

// How many bytes of the block the program knows of: what malloc_usable_size says.
inline size_t growth_size(const Span& span, uint64_t index) {
  return __atomic_load_n(&growth_sizes(const_cast<Span&>(span))[index], __ATOMIC_RELAXED);
}

// Requires: size <= kMaxSmall. Rounded up as the size class would be, so that at most 12.5 % is left over.
inline void set_growth_size(Span& span, uint64_t index, size_t size) {
  __atomic_store_n(&growth_sizes(span)[index], kSizeClasses[class_of(size)].size, __ATOMIC_RELAXED);
}

// Returns a block with room to grow, or null: the size is not one that grows well, or all room is taken.
void* allocate_growth(ThreadHeap& heap, size_t size);

// Makes the growth block of this span a large one in place, with at least `size` bytes. Returns false, changing nothing,
// unless the span is the heap's and the slices behind it are free. Requires: the block is live, size > kMaxSmall.
bool outgrow(ThreadHeap& heap, Span& span, size_t size);

}  // namespace loam::heap
