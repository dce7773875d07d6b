// Standing aside: every call goes to the next malloc, for denied executables and when the heap could not be opened.
#pragma once

#include <cstddef>

namespace loam::runtime {

void* passive_allocate(size_t size);
void* passive_allocate_zeroed(size_t size);
void* passive_allocate_aligned(size_t alignment, size_t size);
void passive_release(void* block);
void* passive_resize(void* block, size_t size);
size_t passive_usable_size(void* block);

}  // namespace loam::runtime
