// The blocks of a heap in the form that a search wants: which block a word points to, in three loads out of tables that
// stay in the cache (four bytes a slice, 32 bytes a span, one bit a block), whatever the heap itself keeps about its blocks.
// Owns nothing but what it took from the scratch. Blocks are numbered; a span's numbers begin at a multiple of 64.
//
// Invariant: a bit is set in the set of live blocks exactly if the block was live when the map was built. The heap must not
// change while the map is in use. Locking: none.
#pragma once

#include <cstdint>

#include "meta/page_map.hpp"
#include "scan/heap_view.hpp"
#include "scan/scratch.hpp"
#include "sys/cpu.hpp"

namespace loam::scan {

// One bit a block.
class BlockSet {
 public:
  bool contains(uint32_t block) const { return ((words_[block / 64] >> (block % 64)) & 1) != 0; }
  // Returns whether it was in.
  bool remove(uint32_t block) {
    uint64_t& word = words_[block / 64];
    const uint64_t bit = uint64_t{1} << (block % 64);
    const bool was = (word & bit) != 0;
    word &= ~bit;
    return was;
  }
  void insert(uint32_t block) { words_[block / 64] |= uint64_t{1} << (block % 64); }

  uint64_t* words() { return words_; }
  const uint64_t* words() const { return words_; }
  void use(uint64_t* words) { words_ = words; }

 private:
  uint64_t* words_ = nullptr;
};

class BlockMap {
 public:
  struct Span {
    uint64_t first;
    uint64_t inverse;  // ceil(2^64 / step)
    uint64_t bytes;
    uint32_t base;        // number of block 0
    uint16_t units;       // from block to block, 16 bytes each
    uint16_t read_units;  // of a block; 0: ask bytes()
  };

  struct Block {
    const Span* span;  // null: the word points to no block
    uint32_t number;
    uint32_t index;  // in its span
  };

  static constexpr uint64_t kUnit = 16;

  // Returns false when there is no memory for the tables.
  bool build(const HeapView& heap, Scratch& scratch);

  // The block that any word at all points into, live or not.
  Block find(uint64_t word) const { return find_in(span_of(word), word); }
  // The two halves of find(), for whoever looks up many words at once: what the second half reads can be fetched meanwhile.
  const Span& span_of(uint64_t word) const {
    const uint64_t slice = (word - window_start_) >> meta::kSliceShift;
    return slice < window_slices_ ? spans_[slices_[slice]] : span_outside(word);
  }
  Block find_in(const Span& span, uint64_t word) const {
    const uint64_t offset = word - span.first;
    const auto index = static_cast<uint32_t>(sys::multiply(offset, span.inverse).high);
    return {offset < span.bytes ? &span : nullptr, span.base + index, index};
  }

  // No block lies outside of [lowest, lowest + extent).
  uint64_t lowest() const { return lowest_; }
  uint64_t extent() const { return extent_; }

  uint64_t address(const Span& span, uint32_t index) const { return span.first + kUnit * span.units * index; }
  uint64_t bytes(const Span& span, uint32_t index) const {
    const SpanView& view = views_[&span - spans_];
    if (view.step == 0) return view.bytes;
    return view.uniform ? view.step : heap_.block_bytes(view.record, index);
  }
  const SpanView& view(const Span& span) const { return views_[&span - spans_]; }
  uint32_t stack_id(const Span& span, uint32_t index) const {
    return heap_.stack_id == nullptr ? 0 : heap_.stack_id(view(span).record, index, address(span, index));
  }

  // The block of that number. By binary search.
  Block at(uint32_t number) const;

  // Span 0 is nobody's.
  uint32_t span_count() const { return span_count_; }
  const Span& span(uint32_t index) const { return spans_[index]; }
  uint32_t index_of(const Span& span) const { return static_cast<uint32_t>(&span - spans_); }

  uint64_t words() const { return words_; }  // 64-bit words of a set of all blocks
  const BlockSet& live() const { return live_; }
  uint64_t live_blocks() const { return live_blocks_; }
  // A set of its own, with the same members as `from`; its words are null when there is no memory.
  BlockSet copy(const BlockSet& from, Scratch& scratch) const;

 private:
  struct Count {
    const HeapView* heap;
    uint64_t spans;
    uint64_t words;
  };

  static void count_span(const SpanView& view, void* argument);
  static void add_span(const SpanView& view, void* argument);
  void add(const SpanView& view);
  const Span& span_outside(uint64_t word) const;

  HeapView heap_ = {};
  uint64_t window_start_ = 0;
  uint64_t window_slices_ = 0;
  uint64_t lowest_ = 0;
  uint64_t extent_ = 0;
  uint32_t* slices_ = nullptr;
  Span* spans_ = nullptr;
  SpanView* views_ = nullptr;
  uint32_t span_count_ = 0;
  uint64_t span_room_ = 0;
  uint32_t first_outside_ = 0;  // blocks outside the window come last, by address
  uint64_t words_ = 0;
  uint64_t word_room_ = 0;
  uint64_t live_blocks_ = 0;
  BlockSet live_;
};

}  // namespace loam::scan
