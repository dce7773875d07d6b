// Statistics mode: every call takes the slow path, drives the same heap, and is counted in a slot of the counter file
// that the tool shares. Requested sizes are remembered per block beside the span's record.
// Locking: none; all counters are relaxed atomics in the shared mapping.
#pragma once

#include <cstddef>

#include "format/counters.hpp"
#include "heap/find.hpp"
#include "heap/thread_heap.hpp"
#include "options/options.hpp"

namespace loam::runtime {

// Maps the counter file and claims a slot. Returns false, saying why, when it cannot: the process is then not counted.
bool open_statistics(const options::Values& values);
// In the child of a fork: a slot of its own.
void restart_statistics();
// The last word of a process that ends by exit(); others are read as of their last refresh.
void finish_statistics();
// The process's slot; null if it is not counted.
const format::CounterSlot* statistics_slot();

void* counted_allocate(heap::ThreadHeap* heap, size_t size, format::Symbol symbol);
void* counted_allocate_zeroed(heap::ThreadHeap* heap, size_t size, format::Symbol symbol);
void* counted_allocate_aligned(heap::ThreadHeap* heap, size_t alignment, size_t size, format::Symbol symbol);
void counted_release(heap::ThreadHeap* heap, void* block, format::Symbol symbol);
void* counted_resize(heap::ThreadHeap* heap, void* block, const heap::Found& found, size_t size,
                     format::Symbol symbol);

}  // namespace loam::runtime
