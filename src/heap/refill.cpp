#include "heap/refill.hpp"

#include "heap/fast_path.hpp"
#include "heap/fault.hpp"
#include "heap/growth.hpp"
#include "heap/large.hpp"
#include "heap/regions.hpp"
#include "heap/registry.hpp"
#include "heap/remote.hpp"
#include "heap/span_list.hpp"
#include "heap/span_table.hpp"
#include "meta/arena.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {

namespace {

using sys::poke;

// Frees between two heartbeats: what bounds a steady pair of malloc and free.
constexpr int32_t kHeartbeat = 512;
// A full span is looked at again when 1/32 of it is free: sooner costs a slow path a block, later hides memory.
constexpr uint32_t kRelinkPart = 32;
// Empty spans that a heap keeps for itself, so that a class that breathes does not return to the regions each time.
constexpr uint64_t kKeepEmpty = uint64_t{256} << 10;
// Blocks smaller than a line of the cache go home to their span's owner, or two threads would fight for the line ever after.
constexpr uint32_t kLine = 64;
// How many classes up a block may be borrowed (up to half as large again), and how often between two heartbeats.
constexpr unsigned kBorrowFrom = class_of(256);
constexpr unsigned kBorrowReach = 4;
constexpr uint32_t kMostBorrowed = 8;
constexpr uint64_t kClockEvery = 64;  // heartbeats between two looks at the clock

constexpr uint64_t kAllZero = 0x0101010101010101u * kBlockZero;

unsigned count_available(const Span& span) {
  unsigned count = 0;
  for (unsigned i = 0; i < span.words(); ++i) count += base::count_bits(span.available()[i]);
  return count;
}

uint64_t used_bits(const Span& span, unsigned word) {
  const unsigned first = word * 64;
  if (first >= span.touched) return 0;
  const unsigned used = span.touched - first;
  return span.available()[word] & base::low_bits(used < 64 ? used : 64);
}

// Moves the lowest `count` bits of a word to the class's stack, downwards from `at`. Returns where the next goes.
Entry* move_to_stack(Span& span, unsigned word, unsigned count, Entry* at) {
  uint64_t bits = span.available()[word];
  for (; count > 0; --count, bits &= bits - 1) {
    const unsigned index = word * 64 + base::lowest_bit(bits);
    *at-- = {block_at(span, index), &span.states[index]};
  }
  span.available()[word] = bits;
  return at;
}

// Moves `count` blocks of the span to the class's empty stack, the lowest on top: those of the words from `word` on.
void move_to_stack(ThreadHeap& heap, Span& span, unsigned word, unsigned count) {
  Stack& stack = heap.stack(span.class_index);
  Entry* at = stack.top + count;
  stack.top = at;
  for (; count > 0; ++word) {
    const unsigned here = base::count_bits(span.available()[word]);
    const unsigned moved = here < count ? here : count;
    at = move_to_stack(span, word, moved, at);
    count -= moved;
  }
  const auto last = static_cast<uint16_t>(at[1].state - span.states);
  if (last >= span.touched) span.touched = static_cast<uint16_t>(last + 1);
}

// Fills the class's empty stack with blocks of the span that were handed out before, whose pages are resident.
// Returns false if it has none.
bool fill_with_used(ThreadHeap& heap, Span& span) {
  const unsigned half = (kSizeClasses[span.class_index].depth + 1u) / 2;
  const auto words = static_cast<unsigned>(base::divide_up(span.touched, 64));
  unsigned first = 0;
  while (first < words && used_bits(span, first) == 0) ++first;
  unsigned count = 0;
  for (unsigned i = first; i < words && count < half; ++i) count += base::count_bits(used_bits(span, i));
  if (count == 0) return false;
  move_to_stack(heap, span, first, count < half ? count : half);
  return true;
}

// Fills it with some blocks of the span that were never handed out. Requires: it has no others.
bool fill_with_fresh(ThreadHeap& heap, Span& span) {
  const SizeClass& shape = kSizeClasses[span.class_index];
  const unsigned half = (shape.depth + 1u) / 2;
  unsigned first = 0;
  while (first < span.words() && span.available()[first] == 0) ++first;
  if (first == span.words()) return false;
  // A class with several spans grows.
  const unsigned count = heap.classes[span.class_index].spans > 1 && half > shape.fresh ? half : shape.fresh;
  const unsigned there = base::count_bits(span.available()[first]);
  move_to_stack(heap, span, first, count < there ? count : there);
  return true;
}

// Puts blocks that are in no stack at the span's disposal: those of a word that have their bit set.
void make_available(ThreadHeap& heap, Span& span, uint64_t word, uint64_t bits, unsigned count) {
  if (const uint64_t twice = span.available()[word] & bits; twice != 0) [[unlikely]] {
    raise_fault(describe_double(span, block_at(span, word * 64 + base::lowest_bit(twice))));
    return;
  }
  span.available()[word] |= bits;
  span.budget -= static_cast<int32_t>(count);
  if (span.budget < 0) settle(heap, span);
}

Entry* bottom_of(ThreadHeap& heap, unsigned class_index) {
  return &heap.entries[kSizeClasses[class_index].entry];
}

// The oldest `count` entries of the class's stack go back to their spans; neighbours of one word together, or each would
// wait for the store of the one before.
void empty_stack(ThreadHeap& heap, unsigned class_index, unsigned count) {
  Entry* bottom = bottom_of(heap, class_index);
  for (unsigned i = 1; i <= count;) {
    Span* span = page_map.at(page_map.slice_of(bottom[i].block));
    if (sys::peek(span->owner) != &heap) {
      send_home(heap, *span, bottom[i++].block);
      continue;
    }
    const auto index = static_cast<uint64_t>(bottom[i].state - span->states);
    // Another span by now: two threads freed the block at once, and the other's came home before.
    if (index >= span->blocks) [[unlikely]] {
      raise_fault(describe_double(*span, bottom[i++].block));
      continue;
    }
    const uint64_t word = index / 64;
    const uint8_t* states = &span->states[word * 64];
    uint64_t bits = 0;
    const unsigned first = i;
    for (; i <= count; ++i) {
      const auto at = static_cast<uint64_t>(bottom[i].state - states);
      if (at >= 64) break;
      bits |= uint64_t{1} << at;
    }
    make_available(heap, *span, word, bits, i - first);
  }
  Stack& stack = heap.stack(class_index);
  stack.top -= count;
  for (Entry* entry = bottom + 1; entry <= stack.top; ++entry) *entry = entry[count];
}

void empty_stack(ThreadHeap& heap, unsigned class_index) {
  const Stack& stack = heap.stack(class_index);
  empty_stack(heap, class_index, static_cast<unsigned>(stack.top - bottom_of(heap, class_index)));
}

// Makes room in the class's full stack: its older half goes home. A thread that frees what others allocated and takes none
// of it keeps ever fewer, down to some: they are missing where they came from.
void make_room(ThreadHeap& heap, const Span& span) {
  const unsigned class_index = span.class_index;
  ClassState& state = heap.classes[class_index];
  Stack& stack = heap.stack(class_index);
  Entry* bottom = bottom_of(heap, class_index);
  const auto depth = static_cast<unsigned>(stack.limit - bottom);
  unsigned next = depth;
  if (!state.missed && __atomic_load_n(&span.owner, __ATOMIC_ACQUIRE) != &heap) {
    const unsigned least = kSizeClasses[class_index].shallow;
    next = depth / 2 > least ? depth / 2 : least;
  }
  state.missed = false;
  empty_stack(heap, class_index, depth - next / 2);
  stack.limit = bottom + next;
}

// One class at each heartbeat in turn: a stack that did not move since the last time is given back.
void empty_idle_stack(ThreadHeap& heap) {
  heap.next_idle = heap.next_idle + 1 < kClasses ? heap.next_idle + 1 : 0;
  ClassState& state = heap.classes[heap.next_idle];
  Stack& stack = heap.stack(heap.next_idle);
  if (stack.top == state.seen) empty_stack(heap, heap.next_idle);
  state.seen = stack.top;
}

int32_t relink_budget(const Span& span) {
  return span.blocks < kRelinkPart ? 0 : static_cast<int32_t>(span.blocks / kRelinkPart) - 1;
}

void mark_full(Span& span) {
  span.state.store(SpanState::kFull, std::memory_order_relaxed);
  span.budget = relink_budget(span);
}

void make_current(ThreadHeap& heap, unsigned class_index, Span& span) {
  poke(heap.classes[class_index].current, &span);
  span.state.store(SpanState::kCurrent, std::memory_order_relaxed);
  span.budget = INT32_MAX;
}

Span* take_record(ThreadHeap& heap, unsigned class_index) {
  ClassState& state = heap.classes[class_index];
  Span* span = state.records;
  if (span != nullptr) {
    state.records = span->next;
    return span;
  }
  const unsigned blocks = kSizeClasses[class_index].blocks;
  const size_t sizes = class_index == kGrowthClass ? blocks * sizeof(uint64_t) : 0;
  return static_cast<Span*>(meta::arena.allocate(record_bytes(blocks) + base::align_up(sizes, 64)));
}

void put_record(ThreadHeap& heap, Span& span) {
  ClassState& state = heap.classes[span.class_index];
  span.next = state.records;
  state.records = &span;
}

void set_owner(Span& span, ThreadHeap& heap) {
  poke(span.stack, &heap.stack(span.class_index));
  __atomic_store_n(&span.owner, &heap, __ATOMIC_RELEASE);
}

// Whoever looks at the heap from another thread may still read the record as that of its last span: see span.hpp.
void describe(ThreadHeap& heap, Span& span, unsigned class_index, const Run& run) {
  const SizeClass& shape = kSizeClasses[class_index];
  poke(span.start, page_map.address_of(run.slice));
  poke(span.slices, shape.slices);
  poke(span.blocks, shape.blocks);
  poke(span.block_size, shape.size);
  poke(span.inverse, shape.inverse);
  poke(span.first, reinterpret_cast<uint64_t>(span.end()) - uint64_t{shape.blocks} * shape.size);
  poke(span.class_index, static_cast<uint8_t>(class_index));
  poke(span.kind, SpanKind::kSmall);
  span.touched = 0;
  const bool shares_lines = shape.size < kLine;
  poke(span.foreign_stack_at, shares_lines ? 0 : FastHeap::stack_offset(class_index));
  set_owner(span, heap);
  auto* eight = reinterpret_cast<uint64_t*>(span.states);
  for (unsigned i = 0; i < shape.blocks; i += Span::kStateStep)
    poke(eight[i / Span::kStateStep], run.zero ? kAllZero : 0);
  for (unsigned i = 0; i < span.words(); ++i) {
    const unsigned rest = span.blocks - i * 64u;
    span.available()[i] = base::low_bits(rest < 64 ? rest : 64);
  }
}

Span* acquire(ThreadHeap& heap, unsigned class_index) {
  if (class_index == kGrowthClass && heap.classes[class_index].spans >= kMostGrowthSpans) return nullptr;
  Span* span = take_record(heap, class_index);
  if (span == nullptr) return nullptr;
  const Run run = regions.claim(kSizeClasses[class_index].slices);
  if (!run.found) {
    poke(span->class_index, static_cast<uint8_t>(class_index));
    put_record(heap, *span);
    return nullptr;
  }
  describe(heap, *span, class_index, run);
  enter(*span, run.slice);
  ++heap.classes[class_index].spans;
  return span;
}

void retire(ThreadHeap& heap, Span& span) {
  leave_small(span);
  span.state.store(SpanState::kIdle, std::memory_order_relaxed);
  --heap.classes[span.class_index].spans;
  const uint64_t slice = page_map.slice_of(span.start);
  const uint32_t slices = span.slices;
  put_record(heap, span);
  regions.release(slice, slices, false);
  regions.purge_excess();
}

void list(ThreadHeap& heap, Span& span, uint32_t live) {
  span.state.store(SpanState::kAvailable, std::memory_order_relaxed);
  span.budget = static_cast<int32_t>(live) - 1;
  push_front(heap.classes[span.class_index].available, span);
}

void forget_empty(ThreadHeap& heap, Span& span) {
  if (!span.kept_empty) return;
  span.kept_empty = false;
  heap.kept_empty_bytes -= size_t{span.slices} * meta::kSlice;
}

// The span has no live block: keep it if the class has nothing else to allocate from, else give it back.
void settle_empty(ThreadHeap& heap, Span& span) {
  const uint64_t bytes = size_t{span.slices} * meta::kSlice;
  if (span.next == nullptr && span.prev == nullptr && heap.kept_empty_bytes + bytes <= kKeepEmpty) {
    heap.kept_empty_bytes += bytes;
    span.kept_empty = true;
    span.budget = INT32_MAX;
    return;
  }
  unlink(heap.classes[span.class_index].available, span);
  retire(heap, span);
}

Span* take_available(ThreadHeap& heap, unsigned class_index) {
  Span* span = heap.classes[class_index].available;
  if (span == nullptr) return nullptr;
  unlink(heap.classes[class_index].available, *span);
  forget_empty(heap, *span);
  return span;
}

// A span that was current: back among those with free blocks, or those without.
void put_aside(ThreadHeap& heap, Span* span) {
  if (span == nullptr) return;
  const unsigned there = count_available(*span);
  if (there == 0)
    mark_full(*span);
  else
    list(heap, *span, span->blocks - there);
}

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
  Stack* stack = stack_to_take_from(heap, class_index, fit);
  if (stack == nullptr) return nullptr;
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
  if (__atomic_exchange_n(state, kBlockFree, __ATOMIC_ACQ_REL) != kBlockLive) return false;
  if (span.block_size < kLine && __atomic_load_n(&span.owner, __ATOMIC_ACQUIRE) != &heap) {
    send_home(heap, span, block);
  } else {
    Stack& stack = heap.stack(span.class_index);
    if (stack.top == stack.limit) make_room(heap, span);
    *++stack.top = {static_cast<char*>(block), state};
  }
  if (--heap.frees_to_beat < 0) heartbeat(heap);
  return true;
}

void take_back(ThreadHeap& heap, Span& span, uint64_t index) {
  make_available(heap, span, index / 64, uint64_t{1} << (index % 64), 1);
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

void settle(ThreadHeap& heap, Span& span) {
  const SpanState state = span.state.load(std::memory_order_relaxed);
  if (state == SpanState::kCurrent) {
    span.budget = INT32_MAX;
    return;
  }
  const uint32_t available = count_available(span);
  const uint32_t taken = span.blocks - available;
  if (state == SpanState::kAvailable) {
    forget_empty(heap, span);
    span.budget = static_cast<int32_t>(taken) - 1;
  } else if (available * kRelinkPart >= span.blocks) {
    list(heap, span, taken);
  } else {
    span.budget = relink_budget(span);
  }
  if (taken == 0) settle_empty(heap, span);
}

void forget_span(ThreadHeap& heap, Span& span) {
  ClassState& state = heap.classes[span.class_index];
  if (state.current == &span) poke(state.current, nullptr);
  span.state.store(SpanState::kIdle, std::memory_order_relaxed);
  --state.spans;
  put_record(heap, span);
}

Span* adopt(ThreadHeap& heap, unsigned class_index) {
  ThreadHeap* orphan = borrow_orphan(class_index);
  if (orphan == nullptr) return nullptr;
  drain(*orphan);
  empty_stack(*orphan, class_index);  // nothing of the span may be left with its old heap
  post_all(*orphan);
  Span* span = take_available(*orphan, class_index);
  ClassState& theirs = orphan->classes[class_index];
  if (span == nullptr && theirs.current != nullptr) {
    span = theirs.current;
    poke(theirs.current, nullptr);
    if (count_available(*span) == 0) {
      mark_full(*span);
      span = nullptr;
    }
  }
  if (span != nullptr) {
    --theirs.spans;
    ++heap.classes[class_index].spans;
    set_owner(*span, heap);
  }
  return_orphan(*orphan);
  return span;
}

void trim(ThreadHeap& heap) {
  if (heap.busy) return;
  BusyMark mark(heap);
  drain(heap);
  for (unsigned i = 0; i < kClasses; ++i) empty_stack(heap, i);
  post_all(heap);  // one block under way keeps all of another heap's span
  for (unsigned i = 0; i < kClasses; ++i) {
    ClassState& state = heap.classes[i];
    Span* current = state.current;
    if (current != nullptr && count_available(*current) == current->blocks) {
      poke(state.current, nullptr);
      retire(heap, *current);
    }
    for (Span* span = state.available; span != nullptr;) {
      Span* next = span->next;
      if (count_available(*span) == span->blocks) {
        forget_empty(heap, *span);
        unlink(state.available, *span);
        retire(heap, *span);
      }
      span = next;
    }
  }
}

}  // namespace loam::heap
