#include "heap/small_span.hpp"

#include "heap/growth.hpp"
#include "heap/regions.hpp"
#include "heap/span_list.hpp"
#include "heap/span_table.hpp"
#include "meta/arena.hpp"

namespace loam::heap {

namespace {

using sys::poke;

// A full span is looked at again when 1/32 of it is free: sooner costs a slow path a block, later hides memory.
constexpr uint32_t kRelinkPart = 32;
// Empty spans that a heap keeps for itself, so that a class that breathes does not return to the regions each time.
constexpr uint64_t kKeepEmpty = uint64_t{256} << 10;

constexpr uint64_t kAllZero = 0x0101010101010101u * kBlockZero;

int32_t relink_budget(const Span& span) {
  return span.blocks < kRelinkPart ? 0 : static_cast<int32_t>(span.blocks / kRelinkPart) - 1;
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

// So many blocks leave the room in front. A span of few has all of them: one would be too large a part.
uint32_t blocks_of(const SizeClass& shape) {
  constexpr uint32_t kFew = 8;
  const size_t left = size_t{shape.slices} * meta::kSlice - size_t{shape.blocks} * shape.size;
  return left < front_room && shape.blocks >= kFew ? shape.blocks - 1u : shape.blocks;
}

// Whoever looks at the heap from another thread may still read the record as that of its last span: see span.hpp.
void describe(ThreadHeap& heap, Span& span, unsigned class_index, const Run& run) {
  const SizeClass& shape = kSizeClasses[class_index];
  const auto blocks = static_cast<decltype(span.blocks)>(blocks_of(shape));
  poke(span.start, page_map.address_of(run.slice));
  poke(span.slices, shape.slices);
  poke(span.blocks, blocks);
  poke(span.block_size, shape.size);
  poke(span.inverse, shape.inverse);
  poke(span.first, reinterpret_cast<uint64_t>(span.end()) - uint64_t{blocks} * shape.size);
  poke(span.class_index, static_cast<uint8_t>(class_index));
  poke(span.kind, SpanKind::kSmall);
  span.touched = 0;
  poke(span.foreign_stack_at, shares_lines(shape.size) ? 0 : FastHeap::stack_offset(class_index));
  set_owner(span, heap);
  auto* eight = reinterpret_cast<uint64_t*>(span.states);
  for (unsigned i = 0; i < shape.blocks; i += Span::kStateStep)
    poke(eight[i / Span::kStateStep], run.zero ? kAllZero : 0);
  for (unsigned i = 0; i < span.words(); ++i) {
    const unsigned rest = span.blocks - i * 64u;
    span.available()[i] = base::low_bits(rest < 64 ? rest : 64);
  }
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

}  // namespace

unsigned count_available(const Span& span) {
  unsigned count = 0;
  for (unsigned i = 0; i < span.words(); ++i) count += base::count_bits(span.available()[i]);
  return count;
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

void make_current(ThreadHeap& heap, unsigned class_index, Span& span) {
  poke(heap.classes[class_index].current, &span);
  span.state.store(SpanState::kCurrent, std::memory_order_relaxed);
  span.budget = INT32_MAX;
}

void mark_full(Span& span) {
  span.state.store(SpanState::kFull, std::memory_order_relaxed);
  span.budget = relink_budget(span);
}

Span* take_available(ThreadHeap& heap, unsigned class_index) {
  Span* span = heap.classes[class_index].available;
  if (span == nullptr) return nullptr;
  unlink(heap.classes[class_index].available, *span);
  forget_empty(heap, *span);
  return span;
}

void put_aside(ThreadHeap& heap, Span* span) {
  if (span == nullptr) return;
  const unsigned there = count_available(*span);
  if (there == 0)
    mark_full(*span);
  else
    list(heap, *span, span->blocks - there);
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

Span* move_span(ThreadHeap& orphan, ThreadHeap& heap, unsigned class_index) {
  Span* span = take_available(orphan, class_index);
  ClassState& theirs = orphan.classes[class_index];
  if (span == nullptr && theirs.current != nullptr) {
    span = theirs.current;
    poke(theirs.current, nullptr);
    if (count_available(*span) == 0) {
      mark_full(*span);
      span = nullptr;
    }
  }
  if (span == nullptr) return nullptr;
  --theirs.spans;
  ++heap.classes[class_index].spans;
  set_owner(*span, heap);
  return span;
}

void retire_empty(ThreadHeap& heap, unsigned class_index) {
  ClassState& state = heap.classes[class_index];
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

}  // namespace loam::heap
