// The life of a span of small blocks with its heap: acquired, current, full, available again, empty, given back.
// Invariant: a span is in its class's list exactly while its state is kAvailable; its budget says after how many more
// returned blocks settle() must look at it.
// Locking: see thread_heap.hpp; all of these require that the caller has marked the heap busy and that the span is the
// heap's.
#pragma once

#include "heap/thread_heap.hpp"

namespace loam::heap {

// What spans keep free in front of their first block, in bytes; check mode looks there for what was written in front of it. Set before a
// thread allocates: 0 for all who do not look.
inline constinit size_t front_room = 0;

// Blocks in no stack, not live, and not on their way.
unsigned count_available(const Span& span);

// A new span with all its blocks available, in no list. Returns null when out of memory.
Span* acquire(ThreadHeap& heap, unsigned class_index);

// The span that the class's stack is filled from, as long as it has free blocks.
void make_current(ThreadHeap& heap, unsigned class_index, Span& span);
// A span that was current: back among those with free blocks, or those without. Null is allowed.
void put_aside(ThreadHeap& heap, Span* span);
// The span has no free block. Requires: it is in no list.
void mark_full(Span& span);
// Takes a span with free blocks off the class's list. Returns null if there is none.
Span* take_available(ThreadHeap& heap, unsigned class_index);

// What has become of a span whose budget is used up.
void settle(ThreadHeap& heap, Span& span);

// The span's only block became something else in place: the record goes back to its pool. Requires: the block is live.
void forget_span(ThreadHeap& heap, Span& span);

// A span with free blocks, current or available, leaves the heap of an orphan for `heap`. Requires: no block of it is in a
// stack or parcel of the orphan's, which the caller has borrowed. Returns null if there is none.
Span* move_span(ThreadHeap& orphan, ThreadHeap& heap, unsigned class_index);

// Gives back the class's spans that have no live block, the current one too. Requires: its stack is empty.
void retire_empty(ThreadHeap& heap, unsigned class_index);

}  // namespace loam::heap
