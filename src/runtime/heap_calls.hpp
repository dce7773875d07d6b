// What malloc and free do on the real heap, whatever the mode: the modes drive these and add what they must remember.
// `heap` is the thread's, or null where it has none: then everything takes the paths that need none.
#pragma once

#include <cstddef>

#include "heap/find.hpp"
#include "heap/thread_heap.hpp"
#include "report/messages.hpp"

namespace loam::runtime {

void* heap_allocate(heap::ThreadHeap* heap, size_t size);
void* heap_allocate_zeroed(heap::ThreadHeap* heap, size_t size);
void* heap_allocate_aligned(heap::ThreadHeap* heap, size_t alignment, size_t size);

enum class Freed : uint8_t { kDone, kForeign };

// Frees a block of ours. Ends the process on a double or invalid free. kForeign: not ours, nothing done.
Freed heap_release(heap::ThreadHeap* heap, void* block);

// Returns the block, moved or not, or null when out of memory. `found` is its live block.
void* heap_resize(heap::ThreadHeap* heap, const heap::Found& found, size_t size);

// The live block that starts there; ends the process if the pointer is ours but no such block. kNowhere: not ours.
heap::Found expect_block(const void* block, report::Operation operation);

}  // namespace loam::runtime
