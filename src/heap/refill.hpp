// The slow paths of small blocks on their owner's thread: the next word, the next span, a new span, and back.
// Locking: see thread_heap.hpp; none of these may run while the heap is busy.
#pragma once

#include "heap/thread_heap.hpp"

namespace loam::heap {

// Returns a block of the class, or null when out of memory. Signal-tolerant: in a handler that interrupted the slow
// path it serves a large block instead.
void* allocate_small(ThreadHeap& heap, unsigned class_index);

// The span's budget of frees is used up: heartbeat, and what has become of the span.
void attend(ThreadHeap& heap, Span& span);

// What has become of a span that may have an empty or newly free block. Requires: the caller has marked the heap busy.
void settle(ThreadHeap& heap, Span& span);

// Whether every block that the span ever handed out came from zero pages and none has come back.
bool untouched(const Span& span);

// Purge, drain of what others freed.
void heartbeat(ThreadHeap& heap);

// Takes over, from the orphaned heaps, a span with free blocks. Returns null if there is none.
Span* adopt(ThreadHeap& heap, unsigned class_index);

// Gives all empty spans back, the current ones too.
void trim(ThreadHeap& heap);

}  // namespace loam::heap
