// A thread's heap: for each size class a stack of free blocks that it allocates from and frees to, the spans behind it,
// and what it owes and is owed by other threads. A heap outlives its thread: it waits, warm, for the next one.
//
// Invariants: an entry of a stack is a block that is neither live nor available, of any heap's span; the one below the first
// is null. A class has
// at most one current span, from which its stack is filled; other spans with available blocks are in `available`; full
// ones are in no list until enough of their blocks have come back.
// Locking: all but the inboxes and `state` belongs to the thread that the heap is attached to, or to whoever took an
// orphaned heap by `state`. `busy` marks the slow path; the fast paths hide the heap (see hide).
#pragma once

#include <atomic>
#include <cstdint>

#include "base/mpsc_list.hpp"
#include "heap/parcel.hpp"
#include "heap/size_class.hpp"
#include "heap/span.hpp"

namespace loam::heap {

// A free block, and where its state is.
struct Entry {
  char* block;
  uint8_t* state;
};

struct Stack {
  Entry* top;    // the entry below the first is null: an empty stack's top
  Entry* limit;  // the last entry there is room for
};

// What the fast paths see. A thread without a heap, and every thread in a mode that must see each call, has one
// whose stacks are all empty and which owns no span.
struct FastHeap {
  // One in front, for size 0 and for blocks that must go home: always empty and always full. So a size rounded up to 16
  // is the offset of its stack.
  Stack stacks[kClasses + 1];
  int32_t frees_to_beat;  // until the next heartbeat

  Stack& stack(unsigned class_index) { return stacks[class_index + 1]; }
  const Stack& stack(unsigned class_index) const { return stacks[class_index + 1]; }
  Stack* stack_at(uint64_t offset) {
    return reinterpret_cast<Stack*>(reinterpret_cast<char*>(stacks) + offset);
  }
  static constexpr uint32_t stack_offset(unsigned class_index) { return (class_index + 1) * sizeof(Stack); }
};

struct ClassState {
  Span* current;
  Span* available;
  Span* records;  // unused ones, of this class only: see the invariant in span.hpp
  Entry* seen;    // the stack's top when a heartbeat last came by
  uint32_t spans;
  bool missed;        // the stack was found empty since it was last full
  uint32_t borrowed;  // blocks of larger classes taken since the heartbeat numbered so
  uint64_t borrowed_at;
};

enum class HeapState : uint32_t { kOrphan, kAttached, kBorrowed };

// A free block that goes home by itself: where no parcel can be had (in a signal handler that interrupted the heap, on a
// thread that has ended, without memory for one).
struct Stray {
  Stray* next;
};

struct alignas(64) ThreadHeap : FastHeap {
  static constexpr unsigned kOutgoing = 8;

  // First what every slow path writes, on the page of the stacks: after a fork each page written is a fault and a copy.
  Parcel* outgoing[kOutgoing];  // by the low bits of the owner's id
  FastHeap* shown;              // what the attached thread sees while it is in none of the heap's functions
  uint64_t beats;
  unsigned next_idle;         // the class whose stack the next heartbeat looks at
  uint64_t kept_empty_bytes;  // in available spans without a live block
  uint64_t drawn_bytes;       // of blocks that came from spans to stacks, and of large ones
  uint64_t
      sample_at;     // what drawn_bytes must reach before the next block is sampled; whoever samples sets it
  void* mode_state;  // what a mode keeps for the thread; stays with the heap when the thread ends
  uint32_t id;
  uint32_t thread;
  bool busy;
  ClassState classes[kClasses];
  ThreadHeap* next_heap;    // in the list of all heaps, for ever
  ThreadHeap* next_orphan;  // in the list of orphans

  alignas(64) std::atomic<HeapState> state;
  base::MpscList<Parcel> inbox;
  base::MpscList<Stray> strays;

  Entry entries[kStackEntries];
};

extern FastHeap null_heap;
// One word of static TLS, initial-exec: what malloc and free start from.
extern thread_local constinit FastHeap* fast_heap __attribute__((tls_model("initial-exec")));

// Hides the thread's heap from signal handlers while its stacks change: their malloc and free fall through to the slow
// paths, which find the heap busy and go another way. Show it again by fast_heap = the same.
inline void hide() {
  *const_cast<FastHeap* volatile*>(&fast_heap) = &null_heap;
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

inline void show(FastHeap* heap) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  *const_cast<FastHeap* volatile*>(&fast_heap) = heap;
}

// Whether the calling thread, whose heap this is, is a signal handler that interrupted one of its functions.
inline bool is_busy(const ThreadHeap& heap) { return heap.busy || fast_heap != heap.shown; }

// Marks the slow path.
class BusyMark {
 public:
  explicit BusyMark(ThreadHeap& heap) : heap_(heap), shown_(fast_heap) {
    heap_.busy = true;
    if (shown_ == &heap_) hide();
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~BusyMark() {
    if (shown_ == &heap_) show(shown_);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    heap_.busy = false;
  }
  BusyMark(const BusyMark&) = delete;
  BusyMark& operator=(const BusyMark&) = delete;

 private:
  ThreadHeap& heap_;
  FastHeap* shown_;
};

}  // namespace loam::heap
