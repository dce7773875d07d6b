// Blocks above 64 KiB: one block, one span. Up to 64 MiB runs of slices inside the window, warm when they come back;
// above, mappings of their own.
// Locking: none up to 1 MiB; see regions.hpp and outside.hpp. A free is decided by one exchange of the span's state.
#pragma once

#include "heap/span.hpp"

namespace loam::heap {

constexpr size_t kMaxInside = size_t{64} << 20;
constexpr size_t kPage = 4096;

// Returns `size` bytes (rounded up to a page) aligned to `alignment`, or null when out of memory. `zero` tells whether
// they are known to be zero. Requires: alignment is a power of two. Thread-safe, signal-tolerant.
void* allocate_large(size_t size, size_t alignment, bool* zero = nullptr);

// Makes a span of `bytes` from `slices` claimed slices, live. Returns null when out of memory for its record. Thread-safe.
// Requires: bytes is a multiple of kPage and no more than the slices hold.
Span* make_large(uint64_t slice, uint64_t slices, uint64_t bytes);

// Requires: the span is a large one inside the window. Returns false, changing nothing, unless `block` is its block
// and live.
bool release_large(Span& span, void* block);

// Grows or shrinks in place. Returns whether it could; the block then has at least new_size bytes.
bool resize_large(Span& span, size_t new_size);

inline char* large_block(const Span& span) { return sys::peek(span.start); }

}  // namespace loam::heap
