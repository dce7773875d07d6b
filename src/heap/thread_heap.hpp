// A thread's heap: for each size class the word of free blocks it allocates from, the spans behind it, and what it
// owes and is owed by other threads. A heap outlives its thread: it waits, warm, for the next one.
//
// Invariants: a class has at most one current span (its bin points into it); spans with free blocks are current or in
// `available`; full ones are in no list until enough of their blocks have been freed.
// Locking: all but the inboxes and `state` belongs to the thread that the heap is attached to, or to whoever took an
// orphaned heap by `state`. `busy` marks the slow path.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/mpsc_list.hpp"
#include "heap/parcel.hpp"
#include "heap/size_class.hpp"
#include "heap/span.hpp"

namespace loam::heap {

struct Bin {
  uint64_t* word;  // of Span::open; the address of the first block lies kMaxWords words behind
  uint64_t*
      recent;  // the word of Span::freed that the last free went to: its blocks are still in the cache. Or null
};

// What the fast paths see. A thread without a heap, and every thread in a mode that must see each call, has one
// whose words are all empty and which owns no span.
struct FastHeap {
  // One in front for size 0, always empty, so that a size rounded up to 16 is the offset of its bin.
  Bin bins[kClasses + 1];

  Bin& bin(unsigned class_index) { return bins[class_index + 1]; }
  const Bin& bin(unsigned class_index) const { return bins[class_index + 1]; }
};

struct ClassState {
  Span* current;
  Span* available;
  Span* records;  // unused ones, of this class only: see the invariant in span.hpp
  uint32_t spans;
};

enum class HeapState : uint32_t { kOrphan, kAttached, kBorrowed };

// A block freed where no parcel could be used (inside a signal handler, by a thread that has ended).
struct Stray {
  Stray* next;
};

struct alignas(64) ThreadHeap : FastHeap {
  static constexpr unsigned kOutgoing = 8;

  ClassState classes[kClasses];
  Parcel* outgoing[kOutgoing];  // by the low bits of the owner's id
  uint64_t beats;
  uint64_t kept_empty_bytes;  // in available spans without a live block
  uint32_t id;
  uint32_t thread;
  bool busy;
  ThreadHeap* next_heap;    // in the list of all heaps, for ever
  ThreadHeap* next_orphan;  // in the list of orphans

  alignas(64) std::atomic<HeapState> state;
  base::MpscList<Parcel> inbox;
  base::MpscList<Stray> strays;
};

extern FastHeap null_heap;
// One word of static TLS, initial-exec: what malloc and free start from.
extern thread_local constinit FastHeap* fast_heap __attribute__((tls_model("initial-exec")));

// Marks the slow path. Meanwhile the thread's visible heap is the empty one, so that a signal handler's malloc and free
// fall through to the slow paths too, which find the heap busy and go another way.
class BusyMark {
 public:
  explicit BusyMark(ThreadHeap& heap) : heap_(heap), shown_(fast_heap) {
    heap_.busy = true;
    if (shown_ == &heap_) fast_heap = &null_heap;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~BusyMark() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (shown_ == &heap_) fast_heap = shown_;
    heap_.busy = false;
  }
  BusyMark(const BusyMark&) = delete;
  BusyMark& operator=(const BusyMark&) = delete;

 private:
  ThreadHeap& heap_;
  FastHeap* shown_;
};

}  // namespace loam::heap
