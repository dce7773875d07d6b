#include "scan/block_map.hpp"

#include "base/bits.hpp"

namespace loam::scan {

void BlockMap::count_span(const SpanView& view, void* argument) {
  auto& count = *static_cast<Count*>(argument);
  ++count.spans;
  count.words += base::divide_up(view.blocks, 64);
}

void BlockMap::add_span(const SpanView& view, void* argument) { static_cast<BlockMap*>(argument)->add(view); }

bool BlockMap::build(const HeapView& heap, Scratch& scratch) {
  heap_ = heap;
  window_start_ = heap.window_start;
  window_slices_ = heap.window_slices;
  Count count{&heap, 0, 0};
  heap.for_each_span(count_span, &count);
  span_room_ = count.spans + 1;
  word_room_ = count.words;
  slices_ = scratch.take<uint32_t>(window_slices_);
  spans_ = scratch.take<Span>(span_room_);
  views_ = scratch.take<SpanView>(span_room_);
  auto* live = scratch.take<uint64_t>(word_room_);
  if (slices_ == nullptr || spans_ == nullptr || views_ == nullptr || live == nullptr) return false;
  live_.use(live);
  span_count_ = 1;  // span 0 has no bytes: slices of nobody lead to it
  lowest_ = ~uint64_t{0};
  heap.for_each_span(add_span, this);
  if (first_outside_ == 0) first_outside_ = span_count_;
  if (span_count_ == 1) lowest_ = 0;
  return true;
}

// Spans of the window first, then the blocks outside, each in address order.
void BlockMap::add(const SpanView& view) {
  const uint64_t words = base::divide_up(view.blocks, 64);
  if (span_count_ == span_room_ || words_ + words > word_room_) return;
  const uint32_t number = span_count_++;
  const uint64_t inverse = view.step == 0 ? 0 : ~uint64_t{0} / view.step + 1;
  const auto units = static_cast<uint16_t>(view.step / kUnit);
  spans_[number] = {view.first, inverse,
                    view.bytes, static_cast<uint32_t>(words_ * 64),
                    units,      view.uniform ? units : uint16_t{0}};
  views_[number] = view;
  if (view.slices == 0) {
    if (first_outside_ == 0) first_outside_ = number;
  } else {
    const uint64_t slice = (view.start - window_start_) >> meta::kSliceShift;
    for (uint64_t i = slice; i < slice + view.slices && i < window_slices_; ++i) slices_[i] = number;
  }
  for (uint64_t i = 0; i < words; ++i) {
    const uint64_t bits = heap_.live_bits(view.record, i);
    live_.words()[words_ + i] = bits;
    live_blocks_ += base::count_bits(bits);
  }
  words_ += words;
  const uint64_t end = view.first + view.bytes;
  const uint64_t high = extent_ == 0 ? 0 : lowest_ + extent_;
  if (view.first < lowest_) lowest_ = view.first;
  extent_ = (end > high ? end : high) - lowest_;
}

const BlockMap::Span& BlockMap::span_outside(uint64_t word) const {
  uint32_t low = first_outside_;
  uint32_t high = span_count_;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (spans_[middle].first + spans_[middle].bytes <= word)
      low = middle + 1;
    else
      high = middle;
  }
  return spans_[low == span_count_ || word < spans_[low].first ? 0 : low];
}

BlockMap::Block BlockMap::at(uint32_t number) const {
  uint32_t low = 1;
  uint32_t high = span_count_;
  while (low + 1 < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (spans_[middle].base <= number)
      low = middle;
    else
      high = middle;
  }
  return {&spans_[low], number, number - spans_[low].base};
}

BlockSet BlockMap::copy(const BlockSet& from, Scratch& scratch) const {
  BlockSet set;
  auto* words = scratch.take<uint64_t>(words_);
  if (words != nullptr) __builtin_memcpy(words, from.words(), words_ * sizeof(uint64_t));
  set.use(words);
  return set;
}

}  // namespace loam::scan
