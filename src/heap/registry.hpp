// All thread heaps of the process: made once, never unmapped; attached to a thread, or orphaned and waiting for one.
// Locking: the lists under one lock of the lowest rank; an orphan is used by whoever turned its state to kBorrowed.
#pragma once

#include <atomic>

#include "heap/thread_heap.hpp"
#include "sys/lock.hpp"

namespace loam::heap {

// A heap for the calling thread: an orphan with everything it still holds, else a new one. Null when out of memory,
// or when a signal handler interrupted this very function. `brought` is a block that the thread is about to free, or
// null: an orphan that the block came from goes first, since two heaps that live off each other's spans write the
// same lines of states. Looks at no more than 64 orphans for it.
ThreadHeap* attach_heap(const void* brought = nullptr);
// The thread ends: everything collected is posted, the heap waits for the next thread. Of a heap in its slow path (the
// thread left it out of a signal handler) nothing is ever used again, since its lists may be half changed.
void orphan_heap(ThreadHeap& heap);

// An orphan that has free blocks of the class, borrowed for a moment; null if there is none.
ThreadHeap* borrow_orphan(unsigned class_index);
void return_orphan(ThreadHeap& heap);
// Takes back what has been freed into an orphan, unless another thread is at it.
void drain_orphan(ThreadHeap& heap);
// Gives back what orphans hold empty.
void trim_orphans();

// In the child of a fork: every heap but the caller's is an orphan now; one that was in its slow path at the moment
// of the fork is left alone for ever, since its lists may be half changed.
void orphan_others(const ThreadHeap* mine);

ThreadHeap* first_heap();  // the list of all; follow next_heap
uint32_t heap_count();
uint32_t threads_seen();
sys::Lock& registry_lock();

}  // namespace loam::heap
