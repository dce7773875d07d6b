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
  const uint64_t live = count_live(span);
  const uint64_t used = live_bytes(span, live);
  ++of_class.spans;
  of_class.live_blocks += live;
  of_class.free_blocks += blocks - live;
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
  for (uint64_t i = 0; i < uint64_t{span.words()} * 64; ++i) {
    if (((span.available()[i / 64] >> (i % 64)) & 1) == 0) continue;
    if (i >= span.blocks) check.wrong = "a bit behind a span's last block is set";
    if (!is_free(span, i)) check.wrong = "a live block is available";
  }
}

const char* check_stack(const ThreadHeap& heap, unsigned class_index) {
  const SizeClass& shape = kSizeClasses[class_index];
  const Entry* bottom = &heap.entries[shape.entry];
  const Stack& stack = heap.stack(class_index);
  if (bottom->block != nullptr || stack.limit > bottom + shape.depth || stack.top < bottom ||
      stack.top > stack.limit)
    return "a stack has lost its bounds";
  for (const Entry* entry = bottom + 1; entry <= stack.top; ++entry) {
    const Span* span = page_map.find(entry->block);
    if (span == nullptr || span->kind != SpanKind::kSmall || span->class_index != class_index)
      return "a block in a stack belongs to another class";
    const BlockIndex at = block_index(*span, entry->block);
    if (at.rest != 0 || entry->state != &span->states[at.index]) return "an entry of a stack is not a block";
    if (!is_free(*span, at.index)) return "a live block is in a stack";
    if (((span->available()[at.index / 64] >> (at.index % 64)) & 1) != 0) return "a block is free twice";
    for (const Entry* other = bottom + 1; other < entry; ++other) {
      if (other->block == entry->block) return "a block is in a stack twice";
    }
  }
  return nullptr;
}

const char* check_heap(const ThreadHeap& heap) {
  for (unsigned i = 0; i < kClasses; ++i) {
    const ClassState& state = heap.classes[i];
    if (state.current != nullptr && state.current->owner != &heap)
      return "a current span belongs to another heap";
    if (const char* wrong = check_stack(heap, i)) return wrong;
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
