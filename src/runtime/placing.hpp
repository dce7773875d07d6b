// A placement policy in the runtime (`loam run --policy`): the program's blocks lie in one region (policy/policy.hpp). What that
// cannot serve comes from the heap beside it: blocks that shall be apart, alignments beyond a page, calls in a signal handler
// that interrupted the region, and all when the region's source is exhausted.
// Locking: that of the two. No thread sees a heap with free blocks, so that every call comes here.
#pragma once

#include "heap/thread_heap.hpp"
#include "options/options.hpp"
#include "sys/source.hpp"

namespace loam::runtime {

// False, having said why, when there is no region: the heap then serves.
bool open_placing(const options::Values& values, sys::SourceKind source);
// What the region was asked and how far it grew, on standard error.
void report_placing();

void* placed_allocate(heap::ThreadHeap* heap, size_t size, size_t alignment);
void* placed_allocate_zeroed(heap::ThreadHeap* heap, size_t size);
void placed_release(heap::ThreadHeap* heap, void* block);
void* placed_resize(heap::ThreadHeap* heap, void* block, size_t size);
size_t placed_usable_size(void* block);

}  // namespace loam::runtime
