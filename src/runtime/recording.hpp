// `loam record`: every call passes through the slow path, and is told to the recorder (record/recorder.hpp).
// Locking: that of the heap and the recorder; a thread's part of the mode hangs on its heap.
#pragma once

#include "heap/find.hpp"
#include "options/options.hpp"
#include "runtime/runtime.hpp"

namespace loam::runtime {

// Returns whether events are to be recorded; if they were asked for and cannot be, says so on standard error.
bool open_recording(const options::Values& values);
// In the child of a fork, which has a file of its own.
void restart_recording(uint32_t parent);
void finish_recording();

void* recorded_allocate(heap::ThreadHeap* heap, size_t size, size_t alignment, bool zeroed,
                        const void* frame);
void* recorded_malloc(heap::ThreadHeap* heap, size_t size, const void* frame);
void recorded_release(heap::ThreadHeap* heap, void* block);
void* recorded_resize(heap::ThreadHeap* heap, const heap::Found& found, size_t size, const Origin& origin);

}  // namespace loam::runtime
