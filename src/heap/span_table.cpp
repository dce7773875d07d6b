#include "heap/span_table.hpp"

#include <atomic>

#include "base/tagged_stack.hpp"
#include "meta/arena.hpp"

namespace loam::heap {

namespace {

constinit base::TaggedStack<Span> large_records;

// One for each class, standing for all its spans that have been given back; made when first needed.
constinit std::atomic<Span*> retired_spans[kClasses];

Span* retired_span(unsigned class_index) {
  Span* span = retired_spans[class_index].load(std::memory_order_acquire);
  if (span != nullptr) return span;
  span = static_cast<Span*>(meta::arena.allocate(record_bytes(0)));
  if (span == nullptr) return &none_span;
  span->kind = SpanKind::kRetired;
  span->class_index = static_cast<uint8_t>(class_index);
  span->block_size = kSizeClasses[class_index].size;
  // Two threads may both make one; the second then stands for the spans that this one gives back.
  retired_spans[class_index].store(span, std::memory_order_release);
  return span;
}

}  // namespace

void enter(Span& span, uint64_t slice) {
  for (uint64_t i = slice; i < slice + span.slices; ++i) {
    Span* old = page_map.at(i);
    if (sys::peek(old->kind) == SpanKind::kLarge && old != &span) put_large_record(old);
  }
  page_map.set(slice, span.slices, &span);
}

void recycle_records(uint64_t slice, uint64_t slices) {
  for (uint64_t i = slice; i < slice + slices; ++i) {
    Span* old = page_map.at(i);
    if (old->kind != SpanKind::kLarge) continue;
    page_map.set(i, 1, &none_span);
    put_large_record(old);
  }
}

void leave_small(const Span& span) {
  page_map.set(page_map.slice_of(span.start), span.slices, retired_span(span.class_index));
}

void leave_large(const Span& span) {
  page_map.set(page_map.slice_of(span.start) + 1, span.slices - 1, &none_span);
}

Span* take_large_record() {
  Span* span = large_records.pop();
  if (span == nullptr) span = static_cast<Span*>(meta::arena.allocate(record_bytes(0)));
  return span;
}

void put_large_record(Span* span) { large_records.push(span); }

}  // namespace loam::heap
