#include "heap/refill.hpp"

#include "heap/fast_path.hpp"
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

// Frees of a current span between two heartbeats: what bounds a steady pair of malloc and free.
constexpr int32_t kHeartbeat = 512;
// A full span is looked at again when 1/32 of it is free: sooner costs a slow path a block, later hides memory.
constexpr uint32_t kRelinkPart = 32;
// Empty spans that a heap keeps for itself, so that a class that breathes does not return to the regions each time.
constexpr uint64_t kKeepEmpty = uint64_t{256} << 10;
constexpr uint64_t kClockEvery = 64;  // heartbeats between two looks at the clock

constinit uint64_t no_free_blocks = 0;

void set_bin(ThreadHeap& heap, unsigned class_index, uint64_t* word) {
  __atomic_store_n(&heap.bin(class_index).word, word, __ATOMIC_RELAXED);
}

// Opens the lowest free blocks of the span and moves the bin to their word. What another bin's move or a signal handler
// left open there is taken along.
bool open_word(ThreadHeap& heap, unsigned class_index, Span& span) {
  // A class with several spans grows: it gets whole words.
  const uint64_t opening =
      heap.classes[class_index].spans > 1 ? ~uint64_t{0} : kSizeClasses[class_index].opening;
  for (unsigned i = 0; i < span.words(); ++i) {
    const uint64_t free_blocks = span.freed[i] | span.open[i];
    if (free_blocks == 0) continue;
    const uint64_t opened = choose_opened(span, i, free_blocks, opening);
    __atomic_store_n(&span.open[i], opened, __ATOMIC_RELAXED);
    // Release: see free_bits.
    __atomic_store_n(&span.freed[i], free_blocks & ~opened, __ATOMIC_RELEASE);
    set_bin(heap, class_index, &span.open[i]);
    return true;
  }
  return false;
}

// What is open but was not taken goes back: the span is no longer allocated from.
void close_span(ThreadHeap& heap, Span& span) {
  Bin& bin = heap.bin(span.class_index);
  if (bin.word >= span.open && bin.word < span.open + kMaxWords)
    set_bin(heap, span.class_index, &no_free_blocks);
  if (bin.recent >= span.freed && bin.recent < span.freed + kMaxWords) bin.recent = nullptr;
  for (unsigned i = 0; i < span.words(); ++i) {
    __atomic_store_n(&span.freed[i], span.freed[i] | span.open[i], __ATOMIC_RELEASE);
    __atomic_store_n(&span.open[i], 0, __ATOMIC_RELAXED);
  }
}

int32_t relink_budget(const Span& span) {
  return span.blocks < kRelinkPart ? 0 : static_cast<int32_t>(span.blocks / kRelinkPart) - 1;
}

void mark_full(Span& span) {
  span.state.store(SpanState::kFull, std::memory_order_relaxed);
  span.zeroed = false;
  span.budget = relink_budget(span);
}

void make_current(ThreadHeap& heap, unsigned class_index, Span& span) {
  poke(heap.classes[class_index].current, &span);
  span.state.store(SpanState::kCurrent, std::memory_order_relaxed);
  span.budget = kHeartbeat;
}

Span* take_record(ThreadHeap& heap, unsigned class_index) {
  ClassState& state = heap.classes[class_index];
  Span* span = state.records;
  if (span != nullptr) {
    state.records = span->next;
    return span;
  }
  auto words = static_cast<unsigned>(base::divide_up(kSizeClasses[class_index].blocks, 64));
  if (class_index == kGrowthClass)
    words += kSizeClasses[class_index].blocks;  // their sizes stand behind the addresses
  return static_cast<Span*>(meta::arena.allocate(record_bytes(words)));
}

void put_record(ThreadHeap& heap, Span& span) {
  ClassState& state = heap.classes[span.class_index];
  span.next = state.records;
  state.records = &span;
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
  span.zeroed = run.zero;
  span.touched = 0;
  poke(span.owner, &heap);
  FastHeap& visible = heap;
  span.recent_at = static_cast<uint16_t>(reinterpret_cast<char*>(&visible.bin(class_index).recent) -
                                         reinterpret_cast<char*>(&visible));
  for (unsigned i = 0; i < span.words(); ++i) {
    span.base[i] = span.first + uint64_t{i} * 64 * shape.size;
    const unsigned rest = span.blocks - i * 64u;
    poke(span.freed[i], base::low_bits(rest < 64 ? rest : 64));
    poke(span.open[i], 0);
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
  close_span(heap, span);
  for (unsigned i = 0; i < span.words(); ++i)
    poke(span.freed[i], 0);  // nothing more to be had here: see the invariant
  leave_small(span);
  span.state.store(SpanState::kIdle, std::memory_order_relaxed);
  --heap.classes[span.class_index].spans;
  const uint64_t slice = page_map.slice_of(span.start);
  const uint32_t slices = span.slices;
  put_record(heap, span);
  regions.release(slice, slices, false);
  regions.purge_excess();
}

void make_available(ThreadHeap& heap, Span& span, uint32_t live) {
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

void* refill(ThreadHeap& heap, unsigned class_index) {
  ClassState& state = heap.classes[class_index];
  if (state.current != nullptr && open_word(heap, class_index, *state.current))
    return pop_any(heap.bin(class_index).word, kSizeClasses[class_index].size);
  heartbeat(heap);
  for (;;) {
    if (state.current != nullptr) {
      if (open_word(heap, class_index, *state.current))
        return pop_any(heap.bin(class_index).word,
                       kSizeClasses[class_index].size);  // the heartbeat brought some back
      mark_full(*state.current);
      poke(state.current, nullptr);
      set_bin(heap, class_index, &no_free_blocks);
    }
    Span* span = take_available(heap, class_index);
    if (span == nullptr) span = adopt(heap, class_index);
    if (span == nullptr) span = acquire(heap, class_index);
    if (span == nullptr) return nullptr;
    make_current(heap, class_index, *span);
  }
}

}  // namespace

void* allocate_small(ThreadHeap& heap, unsigned class_index) {
  if (heap.busy) return allocate_large(kSizeClasses[class_index].size, meta::kSlice);
  void* block;
  {
    BusyMark mark(heap);
    block = pop_warm(heap, class_index);
    if (block == nullptr) block = refill(heap, class_index);
  }
  // Without a span there may still be a mapping: the window may be closed in, or its lock be held by the very code that
  // this signal handler interrupted.
  return block != nullptr || class_index == kGrowthClass
             ? block
             : allocate_large(kSizeClasses[class_index].size, meta::kSlice);
}

void heartbeat(ThreadHeap& heap) {
  drain(heap);
  if (heap.beats++ % kClockEvery == 0) regions.decay(sys::coarse_ns());
}

void attend(ThreadHeap& heap, Span& span) {
  if (heap.busy) {
    span.budget = 0;  // from a signal handler: come back at the next free
    return;
  }
  BusyMark mark(heap);
  settle(heap, span);
  if (span.state.load(std::memory_order_relaxed) == SpanState::kCurrent) heartbeat(heap);
}

void settle(ThreadHeap& heap, Span& span) {
  span.zeroed = false;
  const SpanState state = span.state.load(std::memory_order_relaxed);
  if (state == SpanState::kIdle) return;  // given back by a signal handler between the free and here
  if (state == SpanState::kCurrent) {
    span.budget = kHeartbeat;
    return;
  }
  const uint32_t free_blocks = count_free(span);
  const uint32_t live = span.blocks - free_blocks;
  if (state == SpanState::kAvailable) {
    forget_empty(heap, span);
    span.budget = static_cast<int32_t>(live) - 1;
  } else if (free_blocks * kRelinkPart >= span.blocks) {
    make_available(heap, span, live);
  } else {
    span.budget = relink_budget(span);  // what was freed here has been handed out again
  }
  if (live == 0) settle_empty(heap, span);
}

bool untouched(const Span& span) {
  return span.zeroed && span.budget == kHeartbeat &&
         span.state.load(std::memory_order_relaxed) == SpanState::kCurrent;
}

Span* adopt(ThreadHeap& heap, unsigned class_index) {
  ThreadHeap* orphan = borrow_orphan(class_index);
  if (orphan == nullptr) return nullptr;
  drain(*orphan);
  Span* span = take_available(*orphan, class_index);
  ClassState& theirs = orphan->classes[class_index];
  if (span == nullptr) {
    span = theirs.current;
    poke(theirs.current, nullptr);
  }
  // Available spans too: the bin may have moved to one of them (pop_recent), and would go on taking blocks there.
  if (span != nullptr) close_span(*orphan, *span);
  if (span != nullptr && count_free(*span) == 0) {
    mark_full(*span);
    span = nullptr;
  }
  if (span != nullptr) {
    --theirs.spans;
    ++heap.classes[class_index].spans;
    __atomic_store_n(&span->owner, &heap, __ATOMIC_RELEASE);
  }
  return_orphan(*orphan);
  return span;
}

void trim(ThreadHeap& heap) {
  if (heap.busy) return;
  BusyMark mark(heap);
  drain(heap);
  for (unsigned i = 0; i < kClasses; ++i) {
    ClassState& state = heap.classes[i];
    Span* current = state.current;
    if (current != nullptr && count_free(*current) == current->blocks) {
      poke(state.current, nullptr);
      retire(heap, *current);
    }
    for (Span* span = state.available; span != nullptr;) {
      Span* next = span->next;
      if (count_free(*span) == span->blocks) {
        forget_empty(heap, *span);
        unlink(state.available, *span);
        retire(heap, *span);
      }
      span = next;
    }
  }
}

}  // namespace loam::heap
