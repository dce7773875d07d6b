// Objects from the collected heap. The common case takes the next object of the thread's buffer for that kind and size: no
// lock, no atomic operation, about 2 ns. A buffer is filled from the free objects of a block that the thread owns meanwhile, up to
// 4 KiB at a time: clearing them just then keeps them in the nearest cache. Which objects are free is read from the live bits of
// the last collection: blocks are swept only when somebody wants room in them.
// Locking: the lock where a function says so.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/gc/space.hpp"
#include "lib/gc/thread.hpp"

namespace loam::collector {

// Null when there is no memory even after a collection. May collect and run finalizers. Takes the lock.
void* allocate_slowly(Kind kind, size_t bytes);

// Aligned to 16; zeroed unless the kind is atomic.
inline void* allocate(Kind kind, size_t bytes) {
  Thread* thread = current;
  if (thread == nullptr || bytes > kSmallMost) [[unlikely]]
    return allocate_slowly(kind, bytes);
  Buffer& buffer = thread->buffers[static_cast<unsigned>(kind)][class_of(bytes)];
  const uint64_t start = buffer.next;
  if (start == buffer.end) [[unlikely]]
    return allocate_slowly(kind, bytes);
  buffer.next = start + buffer.bytes;
  return reinterpret_cast<void*>(start);
}

// The object is dead at once; its memory is served again after the next collection, of large objects at once. Returns false
// if the address is the start of no live object. Takes the lock.
bool release(uint64_t address);

// Under the lock, or while the thread is not yet or no longer running.
void reset_buffers(Thread& thread);
void give_back_buffers(Thread& thread);

// For a collection, under the lock, while the world stands still. What lies in buffers is live whether it is reached or not: a thread
// that is just taking an object goes on with it afterwards.
struct Buffered {
  uint64_t objects;
  uint64_t bytes;
};
Buffered close_buffers();
void forget_lists();
void list_block(uint32_t number);
bool is_listed(uint32_t number);

// The start of the live object that the word points into, 0 if there is none. No lock.
uint64_t base_of(uint64_t word);

}  // namespace loam::collector
