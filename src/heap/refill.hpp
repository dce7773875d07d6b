// The slow paths of small blocks: a block when the class's stack has none, room when it is full, and the heartbeat.
// Locking: see thread_heap.hpp; none of these may run while the heap is busy.
#pragma once

#include "heap/thread_heap.hpp"

namespace loam::heap {

// Whether a block must be of the class asked for, or may be of one of the next larger ones.
enum class Fit : uint8_t { kExact, kLoose };

// Returns a block of the class, or null when out of memory. Signal-tolerant: in a handler that interrupted the heap
// it serves a large block instead. `zero`, if not null, tells whether every byte of it is known to be zero.
void* allocate_small(ThreadHeap& heap, unsigned class_index, bool* zero = nullptr, Fit fit = Fit::kExact);

// Frees a block of any heap's span where the fast path does not: the stack is full, or the block must go home. Returns
// false, with nothing changed, if it is no live one. Requires: !is_busy(heap), and the span is one of small blocks.
bool take(ThreadHeap& heap, Span& span, void* block);

// The heap's frees up to the next heartbeat are used up. In a signal handler that interrupted the heap: nothing.
void attend(ThreadHeap& heap);

// Drain of what others freed, purge, and stacks that nobody uses. Requires: the caller has marked the heap busy.
void heartbeat(ThreadHeap& heap);

// Takes over, from the orphaned heaps, a span with free blocks. Returns null if there is none.
Span* adopt(ThreadHeap& heap, unsigned class_index);

// Empties the stacks and gives all empty spans back, the current ones too.
void trim(ThreadHeap& heap);

}  // namespace loam::heap
