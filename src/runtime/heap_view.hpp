// The heap as the leak search sees it (scan/heap_view.hpp).
// Locking: that of the walk: none inside the window, the table of outside blocks under its lock with bounded patience.
#pragma once

#include "heap/footprint.hpp"
#include "heap/growth.hpp"
#include "heap/large.hpp"
#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "heap/walk.hpp"
#include "scan/heap_view.hpp"

namespace loam::runtime {

namespace heap_view {

struct Visit {
  void (*visit)(const scan::SpanView&, void*);
  void* argument;
};

inline uint64_t word(const void* address) { return reinterpret_cast<uint64_t>(address); }

// A span that is just being made is passed over: none of its blocks has been handed out.
inline bool is_whole(const scan::SpanView& view) {
  return view.first >= view.start && view.first + view.bytes <= view.start + view.slices * meta::kSlice;
}

inline void visit_span(heap::Span& span, void* argument) {
  const auto& to = *static_cast<const Visit*>(argument);
  scan::SpanView view{};
  view.start = word(sys::peek(span.start));
  view.slices = sys::peek(span.slices);
  view.record = &span;
  if (sys::peek(span.kind) == heap::SpanKind::kLarge) {
    view.first = word(heap::large_block(span));
    view.bytes = span.large_bytes.load(std::memory_order_relaxed);
    view.blocks = 1;
    view.class_index = heap::kClasses;
  } else {
    view.first = sys::peek(span.first);
    view.step = sys::peek(span.block_size);
    view.blocks = sys::peek(span.blocks);
    view.bytes = view.step * view.blocks;
    view.class_index = sys::peek(span.class_index);
    view.uniform = !heap::is_growth(span);
  }
  if (is_whole(view)) to.visit(view, to.argument);
}

// Behind the window there is no record: the block's address stands for it, its size is all there is to know.
inline void visit_outside(const heap::OutsideBlock& block, void* argument) {
  const auto& to = *static_cast<const Visit*>(argument);
  scan::SpanView view{};
  view.start = view.first = word(block.block);
  view.bytes = block.bytes;
  view.blocks = 1;
  view.class_index = heap::kClasses;
  to.visit(view, to.argument);
}

inline void for_each_span(void (*visit)(const scan::SpanView&, void*), void* argument) {
  Visit to{visit, argument};
  heap::for_each_span(visit_span, &to);
  heap::for_each_outside(visit_outside, &to);
}

inline uint64_t live_bits(const void* record, uint64_t index) {
  if (record == nullptr) return 1;
  const auto& span = *static_cast<const heap::Span*>(record);
  return sys::peek(span.kind) == heap::SpanKind::kLarge ? 1 : heap::live_bits(span, index);
}

inline uint64_t block_bytes(const void* record, uint64_t index) {
  if (record == nullptr) return 0;
  const auto& span = *static_cast<const heap::Span*>(record);
  return heap::growth_size(span, index);
}

inline bool next_own(uint64_t address, uint64_t* start, uint64_t* end) {
  heap::Extent extent;
  if (!heap::next_extent(address, &extent) || extent.kind == heap::ExtentKind::kNone) return false;
  *start = extent.start;
  *end = extent.end;
  return true;
}

}  // namespace heap_view

// `stack_id`: see scan/heap_view.hpp.
inline scan::HeapView view_of_heap(decltype(scan::HeapView::stack_id) stack_id = nullptr) {
  return {heap_view::word(heap::page_map.address_of(0)),
          heap::regions.window_slices(),
          heap_view::for_each_span,
          heap_view::live_bits,
          heap_view::block_bytes,
          heap_view::next_own,
          stack_id};
}

}  // namespace loam::runtime
