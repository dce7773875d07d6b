// Spans entering and leaving the page map.
#pragma once

#include "heap/span.hpp"

namespace loam::heap {

// The record's span now owns these slices. Records that stood there to name double frees are recycled.
void enter(Span& span, uint64_t slice);

// Recycles the records that stand at free slices, which the caller has claimed.
void recycle_records(uint64_t slice, uint64_t slices);

// The slices of a span of small blocks belong to nobody; a later free in them is told as a double one.
void leave_small(const Span& span);

// The same for a large block, whose record stays at the first slice until the slice is used again.
void leave_large(const Span& span);

// A record for a large block, or null when out of memory. Thread-safe.
Span* take_large_record();
void put_large_record(Span* span);

}  // namespace loam::heap
