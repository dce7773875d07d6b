#include "heap/refill.hpp"

#include "heap/fast_path.hpp"
#include "heap/large.hpp"
#include "heap/regions.hpp"
#include "heap/registry.hpp"
#include "heap/remote.hpp"
#include "heap/small_span.hpp"
#include "heap/stack.hpp"
#include "sys/kernel.hpp"
#include "sys/lone.hpp"

namespace loam::heap {

namespace {

using sys::poke;

// Frees between two heartbeats: what bounds a steady pair of malloc and free.
constexpr int32_t kHeartbeat = 512;
constexpr uint64_t kClockEvery = 64;  // heartbeats between two looks at the clock
// How many classes up a block may be borrowed (up to half as large again), and how often between two heartbeats.
constexpr unsigned kBorrowFrom = class_of(256);
constexpr unsigned kBorrowReach = 4;
constexpr uint32_t kMostBorrowed = 8;

// Whether the class's stack could be filled with blocks that were handed out before.
bool refill_with_used(ThreadHeap& heap, unsigned class_index) {
  ClassState& state = heap.classes[class_index];
  if (state.current != nullptr && fill_with_used(heap, *state.current)) return true;
  if (!heap.inbox.empty() || !heap.strays.empty()) {
    drain(heap);
    if (state.current != nullptr && fill_with_used(heap, *state.current)) return true;
  }
  Span* span = state.available;
  if (span == nullptr || !fill_with_used(heap, *span)) return false;
  take_available(heap, class_index);
  put_aside(heap, state.current);
  make_current(heap, class_index, *span);
  return true;
}

// Fills the stack where only memory that was never touched, or other heaps', is left. Returns false when out of memory.
bool refill_with_fresh(ThreadHeap& heap, unsigned class_index) {
  ClassState& state = heap.classes[class_index];
  if (state.current != nullptr) {
    if (fill_with_fresh(heap, *state.current)) return true;
    heartbeat(heap);
    if (refill_with_used(heap, class_index)) return true;
    mark_full(*state.current);
    poke(state.current, nullptr);
  }
  for (;;) {
    Span* span = take_available(heap, class_index);
    if (span == nullptr) span = adopt(heap, class_index);
    if (span == nullptr) span = acquire(heap, class_index);
    if (span == nullptr) return false;
    make_current(heap, class_index, *span);
    if (fill_with_used(heap, *span) || fill_with_fresh(heap, *span)) return true;
    mark_full(*span);
    poke(state.current, nullptr);
  }
}

// The stack of a somewhat larger class that has a block, or null: blocks of some KiB come in so many sizes that each of
// them having its own highest need resident would take twice what the program ever has. In a time between two heartbeats
// a class may do so a few times only: one that is in steady use shall have blocks of its own.
Stack* borrow_larger(ThreadHeap& heap, unsigned class_index) {
  if (class_index < kBorrowFrom || class_index == kGrowthClass) return nullptr;
  ClassState& state = heap.classes[class_index];
  if (state.borrowed_at != heap.beats) {
    state.borrowed_at = heap.beats;
    state.borrowed = 0;
  }
  if (state.borrowed == kMostBorrowed) return nullptr;
  for (unsigned i = class_index + 1; i <= class_index + kBorrowReach && i < kOrdinaryClasses; ++i) {
    if (heap.stack(i).top->block == nullptr) continue;
    ++state.borrowed;
    return &heap.stack(i);
  }
  return nullptr;
}

// The stack to take a block of at least the class's size from, or null when out of memory.
Stack* stack_to_take_from(ThreadHeap& heap, unsigned class_index, Fit fit) {
  Stack* stack = &heap.stack(class_index);
  if (stack->top->block != nullptr) return stack;
  heap.classes[class_index].missed = true;
  stack->limit = bottom_of(heap, class_index) + kSizeClasses[class_index].depth;
  if (refill_with_used(heap, class_index)) return stack;
  if (fit == Fit::kLoose) {
    if (Stack* larger = borrow_larger(heap, class_index)) return larger;
  }
  return refill_with_fresh(heap, class_index) ? stack : nullptr;
}

void* take_small(ThreadHeap& heap, unsigned class_index, Fit fit, bool* zero) {
  BusyMark mark(heap);
  const bool refilled = heap.stack(class_index).top->block == nullptr;
  Stack* stack = stack_to_take_from(heap, class_index, fit);
  if (stack == nullptr) return nullptr;
  if (refilled && stack == &heap.stack(class_index))
    heap.drawn_bytes +=
        static_cast<uint64_t>(stack->top - bottom_of(heap, class_index)) * kSizeClasses[class_index].size;
  const Entry entry = *stack->top--;
  if (zero != nullptr) *zero = *entry.state == kBlockZero;
  poke(*entry.state, kBlockLive);
  return entry.block;
}

}  // namespace

void* allocate_small(ThreadHeap& heap, unsigned class_index, bool* zero, Fit fit) {
  void* block = is_busy(heap) ? nullptr : take_small(heap, class_index, fit, zero);
  // Without a span there may still be a mapping: the window may be closed in, or its lock be held by the very code that
  // this signal handler interrupted.
  return block != nullptr || class_index == kGrowthClass
             ? block
             : allocate_large(kSizeClasses[class_index].size, meta::kSlice, zero);
}

bool take(ThreadHeap& heap, Span& span, void* block) {
  const BlockIndex at = block_index(span, block);
  if (at.rest != 0) return false;
  BusyMark mark(heap);
  uint8_t* state = &span.states[at.index];
  if (sys::exchange(state, kBlockFree) < kBlockWatched) return false;
  if (shares_lines(span.block_size) && __atomic_load_n(&span.owner, __ATOMIC_ACQUIRE) != &heap) {
    send_home(heap, span, block);
  } else {
    Stack& stack = heap.stack(span.class_index);
    if (stack.top == stack.limit) make_room(heap, span);
    *++stack.top = {static_cast<char*>(block), state};
  }
  if (--heap.frees_to_beat < 0) heartbeat(heap);
  return true;
}

void heartbeat(ThreadHeap& heap) {
  heap.frees_to_beat = kHeartbeat;
  drain(heap);
  empty_idle_stack(heap);
  if (heap.beats++ % kClockEvery == 0) regions.decay(sys::coarse_ns());
}

void attend(ThreadHeap& heap) {
  if (is_busy(heap)) return;  // the next free comes back
  BusyMark mark(heap);
  heartbeat(heap);
}

Span* adopt(ThreadHeap& heap, unsigned class_index) {
  ThreadHeap* orphan = borrow_orphan(class_index);
  if (orphan == nullptr) return nullptr;
  drain(*orphan);
  empty_stack(*orphan, class_index);  // nothing of the span may be left with its old heap
  post_all(*orphan);
  Span* span = move_span(*orphan, heap, class_index);
  return_orphan(*orphan);
  return span;
}

void trim(ThreadHeap& heap) {
  if (heap.busy) return;
  BusyMark mark(heap);
  drain(heap);
  for (unsigned i = 0; i < kClasses; ++i) empty_stack(heap, i);
  post_all(heap);  // one block under way keeps all of another heap's span
  for (unsigned i = 0; i < kClasses; ++i) retire_empty(heap, i);
}

}  // namespace loam::heap
