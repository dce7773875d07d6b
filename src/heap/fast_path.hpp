// malloc and free where they are fast. The whole way of a small block:
//
//   malloc                             preload
//   ├─ pop_direct, pop_medium          here: the block of the class that was freed last, done
//   └─ allocate_slow                   runtime: attaches the thread, asks the mode, tells large from small
//      └─ allocate_small               refill.cpp
//         ├─ refill_with_used          blocks in use before: of the current span, sent home, of another span
//         ├─ borrow_larger             a block of a somewhat larger class
//         └─ refill_with_fresh         blocks never in use, an orphan's span, a new span
//            └─ acquire → Regions::claim → Regions::grow → the kernel
//
//   free                               preload
//   ├─ put_back                        here: marked free and pushed, done
//   ├─ attend                          refill.cpp: once in so many frees, the heartbeat
//   └─ release_slow                    runtime
//      ├─ take                         refill.cpp: the stack is full, its older half goes back to the spans
//      │  └─ send_home                 remote.cpp: blocks of another heap's spans, in parcels
//      ├─ release_large                one block, one span
//      └─ report_pointer               double, interior: says what and aborts
//
// State is the thread's own; what others may touch is said in span.hpp. Safe in signal handlers up to the slow paths, and
// those see is_busy().
#pragma once

#include "heap/span.hpp"
#include "heap/thread_heap.hpp"
#include "sys/cpu.hpp"
#include "sys/lone.hpp"

namespace loam::heap {

// Takes the block that was freed last from the stack at this offset, or else returns what `otherwise` does. It must be a
// tail call, or the compiler saves registers for it on the way of all others.
template <class Otherwise>
inline void* pop_or(FastHeap* heap, uint64_t offset, Otherwise otherwise) {
  hide();
  Entry* top = heap->stack_at(offset)->top;
  char* block = top->block;
  if (block == nullptr) [[unlikely]] {
    show(heap);
    return otherwise();
  }
  // The stack first: in the child of a fork between the two the block is lost, not in two hands.
  sys::advance<-1>(heap->stack_at(sys::forget(offset))->top);
  sys::poke(*top->state, kBlockLive);
  show(heap);
  return block;
}

// Requires: size <= kMaxDirect. Of size 0 the stack is always empty.
template <class Otherwise>
inline void* pop_direct(size_t size, Otherwise otherwise) {
  static_assert(sizeof(Stack) == kGranule);
  FastHeap* heap = fast_heap;
  return pop_or(heap, base::align_up(size, kGranule), otherwise);
}

// Requires: kMaxDirect < size <= kMaxSmall.
template <class Otherwise>
inline void* pop_medium(size_t size, Otherwise otherwise) {
  FastHeap* heap = fast_heap;
  return pop_or(heap, FastHeap::stack_offset(class_of_medium(size)), otherwise);
}

enum class Released : uint8_t { kDone, kAttend, kSlow };

// Puts a live block on this heap's stack, if there is room: also one of another heap's span, but for the smallest, of
// which several share a line of the cache. Two threads that free one block within the same few nanoseconds may both
// succeed; that is told when the second comes home. kAttend: done, and it is time for a heartbeat.
// kSlow: nothing was changed.
inline Released put_back(FastHeap* heap, void* block) {
  const uint64_t slice = page_map.slice_of(block);
  if (!page_map.covers(slice)) [[unlikely]]
    return Released::kSlow;
  Span* span = page_map.at(slice);
  // A branch on whose block it is follows a program's pattern; one on whether the size allows it would be a coin toss. The
  // owner is read before the stack: a signal handler between the two may adopt the span for this very heap.
  Stack* stack;
  if (sys::peek(span->owner) == heap) [[likely]]
    stack = *const_cast<Stack* volatile*>(&span->stack);
  else
    stack = heap->stack_at(sys::peek(span->foreign_stack_at));
  const BlockIndex at = block_index(*span, block);
  if (at.rest != 0) [[unlikely]]
    return Released::kSlow;
  uint8_t* state = &span->states[at.index];
  hide();
  Entry* top = stack->top;
  if (top == stack->limit || !sys::count_to_zero(state)) [[unlikely]] {
    show(heap);
    return Released::kSlow;
  }
  top[1] = {static_cast<char*>(block), state};
  sys::advance<1>(stack->top);
  show(heap);
  if (--heap->frees_to_beat < 0) [[unlikely]]
    return Released::kAttend;
  return Released::kDone;
}

// The same for a mode that sees each call, and has shown the thread an empty heap: blocks of the thread's own one. Requires: !is_busy(heap).
// Returns null, with nothing changed, where the slow path must be taken.
inline char* pop_unshown(ThreadHeap& heap, size_t size) {
  if (size > kMaxDirect) return nullptr;
  sys::poke(heap.busy, true);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  Stack& stack = *heap.stack_at(base::align_up(size, kGranule));
  const Entry entry = *stack.top;
  if (entry.block != nullptr) [[likely]] {
    --stack.top;
    sys::poke(*entry.state, kBlockLive);
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  sys::poke(heap.busy, false);
  return entry.block;
}

// The state of the live block of a small span that starts there, null if it is none, or a watched one.
inline uint8_t* live_state(Span* span, const void* block) {
  if (span == nullptr || sys::peek(span->kind) != SpanKind::kSmall) return nullptr;
  const BlockIndex at = block_index(*span, block);
  if (at.rest != 0 || at.index >= sys::peek(span->blocks)) return nullptr;
  uint8_t* state = &span->states[at.index];
  return sys::peek(*state) == kBlockLive ? state : nullptr;
}

// Frees the block that live_state() is of. Requires: !is_busy(heap). False, with nothing changed: the slow path must be taken.
inline bool push_unshown(ThreadHeap& heap, Span& span, void* block, uint8_t* state) {
  if (shares_lines(sys::peek(span.block_size)) && sys::peek(span.owner) != &heap) return false;
  Stack& stack = heap.stack(sys::peek(span.class_index));
  if (stack.top == stack.limit || heap.frees_to_beat <= 0) return false;
  sys::poke(heap.busy, true);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  uint8_t live = kBlockLive;
  const bool freed = sys::exchange_if(state, live, kBlockFree);
  if (freed) [[likely]] {
    *++stack.top = {static_cast<char*>(block), state};
    --heap.frees_to_beat;
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  sys::poke(heap.busy, false);
  return freed;
}

}  // namespace loam::heap
