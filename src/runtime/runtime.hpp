// The life of the runtime in a process, and the slow halves of malloc and free: what happens when the fast path finds
// no free block, a pointer that is not its own, a thread without a heap, or a mode that must see every call.
//
// Locking: none of its own. State is constant-initialized: usable before constructors have run and after destructors.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "check/record.hpp"
#include "format/counters.hpp"
#include "heap/thread_heap.hpp"

namespace loam::runtime {

using check::Family;
using format::Symbol;

// How calls are served.
enum class Mode : uint8_t {
  kUnstarted,
  kFast,
  kStats,    // every call passes through the slow path and is counted
  kCheck,    // every block is watched
  kRecord,   // every call is told to the recorder
  kStacks,   // every block's stack is remembered
  kPolicy,   // one region under a placement policy
  kPassive,  // the next malloc serves: denied executables, or no memory at start
};

extern constinit std::atomic<Mode> current_mode;
inline Mode mode() { return current_mode.load(std::memory_order_acquire); }

// Reads the options and opens the heap, once; any thread, any time. Called by the first slow path at the latest.
void start();

// Who calls: what a mode wants to know of it.
struct Origin {
  Symbol symbol;
  Family family;
  const void* frame;  // CFA of the exported function: the caller's frames lie above
};

// --- The slow halves (allocate.cpp, release.cpp, resize.cpp). None touches errno. ---

// Returns a block of at least `size` bytes (0 is taken for 1), or null when out of memory.
void* allocate_slow(size_t size, Origin origin);
// The same, all bytes zero.
void* allocate_zeroed(size_t size, Origin origin);
// Requires: `alignment` is a power of two.
void* allocate_aligned(size_t alignment, size_t size, Origin origin);
// Frees a block that put_back() refused, or null; ends the process when it is no block.
void release_slow(void* block, Origin origin);
// The same for a sized delete.
void release_sized(void* block, size_t size, Origin origin);
// put_back() said kAttend.
void attend_slow();
// realloc() with size > 0 and a non-null block. Null when out of memory, the block is then as it was.
void* resize(void* block, size_t size, Origin origin);
size_t usable_size(void* block);
// What malloc_trim does: gives back every page that can be given. Returns whether any was.
bool trim();

// --- Threads (thread.cpp) ---

// The calling thread's heap, attached now if need be; null for threads that are ending, in early signal handlers, or
// when out of memory: callers then do without. `brought`: a block about to be freed, for attach_heap().
inline heap::ThreadHeap* thread_heap(const void* brought = nullptr);

// The thread's heap, also in modes where fast_heap is the empty one. The second and last word of static TLS. Null before the first
// call; kEndedHeap once the heap has gone, for the thread must never get another, or each late free would leave one behind.
extern thread_local constinit heap::ThreadHeap* own_heap __attribute__((tls_model("initial-exec")));
constexpr uintptr_t kEndedHeap = 1;
heap::ThreadHeap* attach_thread(const void* brought);

inline heap::ThreadHeap* thread_heap(const void* brought) {
  heap::ThreadHeap* heap = own_heap;
  if (reinterpret_cast<uintptr_t>(heap) > kEndedHeap) [[likely]]
    return heap;
  return heap == nullptr ? attach_thread(brought) : nullptr;
}

// --- The next definition of a symbol (foreign.cpp) ---

// A pointer that is not ours. Passes it on to the next free if it can be another malloc's, else ends the process.
// What such a pointer points to; null where it may be another malloc's.
const char* foreign_place(const void* pointer);
void release_foreign(void* block);
void* resize_foreign(void* block, size_t size);
size_t usable_size_foreign(void* block);
void* next_symbol(const char* name);

}  // namespace loam::runtime
