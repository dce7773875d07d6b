// A class's stack of free blocks: filled from a span, emptied to the spans its blocks are of.
// Invariant: an entry's block is free by its state byte, and in no span's available bits.
// Locking: see thread_heap.hpp; all of these require that the caller has marked the heap busy.
#pragma once

#include "heap/thread_heap.hpp"

namespace loam::heap {

// The null entry below the stack of a class.
inline Entry* bottom_of(ThreadHeap& heap, unsigned class_index) {
  return &heap.entries[kSizeClasses[class_index].entry];
}

// Fills the class's empty stack with blocks of the span that were handed out before, whose pages are resident.
// Returns false if it has none.
bool fill_with_used(ThreadHeap& heap, Span& span);
// Fills it with some blocks of the span that were never handed out. Requires: it has no others. Returns false if it has
// none of these either.
bool fill_with_fresh(ThreadHeap& heap, Span& span);

// Makes room in the class's full stack: its older half goes home. A thread that frees what others allocated and takes none
// of it keeps ever fewer, down to some: they are missing where they came from. `span`: of the block that finds no room.
void make_room(ThreadHeap& heap, const Span& span);
// Everything in the class's stack goes home.
void empty_stack(ThreadHeap& heap, unsigned class_index);
// Called at each heartbeat, for one class in turn: a stack that did not move since the last time is emptied.
void empty_idle_stack(ThreadHeap& heap);

// Takes back a block that another thread freed. Requires: the span is the heap's.
void take_back(ThreadHeap& heap, Span& span, uint64_t index);

}  // namespace loam::heap
