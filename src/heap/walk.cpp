#include "heap/walk.hpp"

#include "heap/growth.hpp"
#include "heap/large.hpp"
#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "heap/registry.hpp"
#include "meta/arena.hpp"

namespace loam::heap {

using sys::peek;

void for_each_span(void (*visit)(Span&, void*), void* argument) {
  const uint64_t count = regions.window_slices();
  for (uint64_t slice = 0; slice < count;) {
    Span* span = page_map.at(slice);
    const bool live = peek(span->kind) == SpanKind::kSmall ||
                      (peek(span->kind) == SpanKind::kLarge &&
                       span->state.load(std::memory_order_acquire) == SpanState::kLive);
    if (live) visit(*span, argument);
    slice += live && peek(span->slices) > 0 ? peek(span->slices) : 1;
  }
}

namespace {

const void* highest_live(const Span& span) {
  if (peek(span.kind) == SpanKind::kLarge) return large_block(span);
  for (uint64_t i = peek(span.blocks); i-- > 0;) {
    if (!is_free(span, i)) return block_at(span, i);
  }
  return nullptr;
}

// What the program knows of a span's live blocks: of blocks with room to grow it is not all that they take.
uint64_t live_bytes(const Span& span, uint64_t live) {
  if (!is_growth(span)) return live * peek(span.block_size);
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < peek(span.blocks); ++i) {
    if (!is_free(span, i)) bytes += growth_size(span, i);
  }
  return bytes;
}

void add_large(const Span& span, Figures& figures) {
  const uint64_t size = span.large_bytes.load(std::memory_order_relaxed);
  ++figures.large_blocks;
  ++figures.live_blocks;
  figures.large_bytes += size;
  figures.live_bytes += size;
}

void add_span(Span& span, void* argument) {
  auto& figures = *static_cast<Figures*>(argument);
  const uint64_t bytes = uint64_t{peek(span.slices)} * meta::kSlice;
  figures.span_bytes += bytes;
  if (const void* highest = highest_live(span)) figures.highest_block = highest;
  if (peek(span.kind) == SpanKind::kLarge) return add_large(span, figures);
  ClassFigures& of_class = figures.classes[peek(span.class_index)];
  const uint64_t blocks = peek(span.blocks);
  const uint64_t free_blocks = count_free(span);
  const uint64_t live = free_blocks < blocks ? blocks - free_blocks : 0;
  const uint64_t used = live_bytes(span, live);
  ++of_class.spans;
  of_class.live_blocks += live;
  of_class.free_blocks += free_blocks;
  figures.live_blocks += live;
  figures.live_bytes += used;
  if (used < bytes) figures.free_in_span_bytes += bytes - used;  // else the span changed meanwhile
}

void add_outside(const OutsideBlock& block, void* argument) {
  auto& figures = *static_cast<Figures*>(argument);
  ++figures.outside_blocks;
  ++figures.live_blocks;
  figures.outside_bytes += block.bytes;
  figures.live_bytes += block.bytes;
  figures.mapped_bytes += block.mapped;
}

}  // namespace

bool measure(Figures* figures) {
  *figures = Figures{};
  for_each_span(add_span, figures);
  const bool complete = for_each_outside(add_outside, figures);
  figures->dirty_bytes = regions.dirty_bytes();
  figures->mapped_bytes += regions.mapped_bytes();
  figures->metadata_bytes = meta::arena.used() + regions.metadata_bytes();
  figures->advised_bytes = regions.advised_bytes();
  figures->heaps = heap_count();
  figures->threads_seen = threads_seen();
  return complete;
}

namespace {

struct Check {
  const char* wrong;
};

void check_span(Span& span, void* argument) {
  auto& check = *static_cast<Check*>(argument);
  if (check.wrong != nullptr) return;
  const uint64_t first = page_map.slice_of(span.start);
  for (uint64_t i = first; i < first + span.slices; ++i) {
    if (page_map.at(i) != &span) check.wrong = "a slice of a span has another record in the page map";
    if (regions.slice_is_free(i)) check.wrong = "a slice of a span is marked free";
  }
  if (peek(span.kind) != SpanKind::kSmall) return;
  if (span.owner == nullptr) check.wrong = "a span of small blocks has no owner";
  for (uint64_t i = span.blocks; i < uint64_t{span.words()} * 64; ++i) {
    if (is_free(span, i)) check.wrong = "a bit behind a span's last block is set";
  }
  for (unsigned i = 0; i < span.words(); ++i) {
    if (span.base[i] != span.first + uint64_t{i} * 64 * span.block_size)
      check.wrong = "a word of a span's bitmap has a wrong address";
    if ((span.freed[i] & span.open[i]) != 0) check.wrong = "a block is free twice";
  }
}

const char* check_heap(const ThreadHeap& heap) {
  for (unsigned i = 0; i < kClasses; ++i) {
    const ClassState& state = heap.classes[i];
    if (state.current != nullptr && state.current->owner != &heap)
      return "a current span belongs to another heap";
    const Span* before = nullptr;
    for (const Span* span = state.available; span != nullptr; before = span, span = span->next) {
      if (span->prev != before) return "a list of spans is broken";
      if (span->owner != &heap || span->class_index != i)
        return "a listed span belongs to another heap or class";
    }
  }
  return nullptr;
}

}  // namespace

const char* verify() {
  Check check{nullptr};
  for_each_span(check_span, &check);
  if (check.wrong != nullptr) return check.wrong;
  for (const ThreadHeap* heap = first_heap(); heap != nullptr; heap = heap->next_heap) {
    const bool mine = fast_heap == heap || heap->state.load(std::memory_order_acquire) == HeapState::kOrphan;
    const char* wrong = mine && !heap->busy ? check_heap(*heap) : nullptr;
    if (wrong != nullptr) return wrong;
  }
  return nullptr;
}

}  // namespace loam::heap
