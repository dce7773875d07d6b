// The size classes: 16-byte steps to 1 KiB, then eight steps a doubling (at most 12.5 %) to 64 KiB, and how many
// slices a span of each takes. Pure constants: no state, no locking.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bits.hpp"
#include "meta/page_map.hpp"

namespace loam::heap {

constexpr size_t kGranule = 16;
constexpr size_t kMaxDirect = 1024;             // up to here the class is (size - 1) / 16
constexpr size_t kMaxSmall = size_t{64} << 10;  // above: large blocks, spans of their own
constexpr unsigned kDirectClasses = 64;
constexpr unsigned kStepsPerDoubling = 8;
constexpr unsigned kOrdinaryClasses = kDirectClasses + 6 * kStepsPerDoubling;
// One more, of the largest size, for blocks that realloc grows: see growth.hpp. class_of never answers it.
constexpr unsigned kGrowthClass = kOrdinaryClasses;
constexpr unsigned kClasses = kOrdinaryClasses + 1;
constexpr unsigned kMaxBlocks = 1024;  // of a span

// Above the direct classes all borders are multiples of 128: a byte for each 128 bytes of size. (Computing the class takes
// a bit scan, whose result register waits for its old value: 6 ns in a loop of malloc and free.)
constexpr size_t kTableStep = 128;

constexpr std::array<uint8_t, kMaxSmall / kTableStep> make_class_table() {
  std::array<uint8_t, kMaxSmall / kTableStep> table{};
  for (size_t i = kMaxDirect / kTableStep; i < table.size(); ++i) {
    const uint64_t last = i * kTableStep;
    const unsigned exponent = base::highest_bit(last);
    const uint64_t step = (last >> (exponent - 3)) & 7;
    table[i] = static_cast<uint8_t>(kDirectClasses + (exponent - 10) * kStepsPerDoubling + step);
  }
  return table;
}

// These tables lie among the data that the loader writes anyway: the first look at a constant elsewhere would map 64 KiB of
// the file into the process. (Each a section of its own, or the linker takes the two for one.)
[[gnu::section(".data.rel.ro.class_table")]] inline constexpr auto kClassTable = make_class_table();

// Requires: kMaxDirect < size <= kMaxSmall.
constexpr unsigned class_of_medium(size_t size) { return kClassTable[(size - 1) / kTableStep]; }

// Requires: 1 <= size <= kMaxSmall.
constexpr unsigned class_of(size_t size) {
  return size <= kMaxDirect ? static_cast<unsigned>((size - 1) / kGranule) : class_of_medium(size);
}

constexpr size_t size_of_class(unsigned index) {
  if (index < kDirectClasses) return (index + 1) * kGranule;
  if (index == kGrowthClass) return kMaxSmall;
  const unsigned exponent = 10 + (index - kDirectClasses) / kStepsPerDoubling;
  const unsigned step = (index - kDirectClasses) % kStepsPerDoubling;
  return static_cast<size_t>(9 + step) << (exponent - 3);
}

struct SizeClass {
  uint32_t size;     // bytes of a block
  uint16_t slices;   // of a span
  uint16_t blocks;   // in a span
  uint64_t inverse;  // ceil(2^64 / size): the high half of offset * inverse is the block's index
  uint16_t fresh;    // blocks never used before that go to the stack at once
  uint16_t depth;    // most blocks in the stack
  uint16_t shallow;  // the same for a thread that frees other threads' blocks and takes none
  uint32_t entry;    // where the stack's null entry lies among the heap's entries
};

// Such blocks go home to their span's owner, or two threads would fight for a line of the cache ever after.
constexpr bool shares_lines(size_t size) { return size < 64; }

// About a page, so that a class in light use touches no more than it needs.
constexpr unsigned fresh_blocks(size_t size) {
  constexpr size_t kBytes = 4096;
  constexpr size_t kMost = 32;
  const size_t blocks = kBytes / size;
  if (blocks < 1) return 1;
  return static_cast<unsigned>(blocks > kMost ? kMost : blocks);
}

constexpr unsigned kMostDepth = 64;

constexpr unsigned stack_depth(size_t size, size_t bytes) {
  constexpr size_t kLeast = 2;
  const size_t blocks = bytes / size;
  return static_cast<unsigned>(blocks < kLeast ? kLeast : blocks > kMostDepth ? kMostDepth : blocks);
}

// A span has at least so many blocks. From 4 KiB up one will do: what the span has free beyond that, no other class can
// use, and the stack keeps a class in steady use away from the regions. Room to grow is one block too: when it is outgrown
// the span becomes a large one.
constexpr unsigned least_blocks(unsigned index) {
  constexpr size_t kSingleFrom = 4096;
  return index == kGrowthClass || size_of_class(index) > kSingleFrom ? 1 : 8;
}

constexpr SizeClass make_size_class(unsigned index) {
  const size_t size = size_of_class(index);
  const unsigned least = least_blocks(index);
  uint64_t slices = least > 1 || index == kGrowthClass ? 4 : 2;
  if (size * kMaxBlocks < slices * meta::kSlice) slices = base::divide_up(size * kMaxBlocks, meta::kSlice);
  // As many slices as leave at most 1/16 of them over.
  while (slices < 64 &&
         (slices * meta::kSlice / size < least || slices * meta::kSlice % size > slices * meta::kSlice / 16))
    ++slices;
  const uint64_t blocks = slices * meta::kSlice / size;
  return {static_cast<uint32_t>(size),
          static_cast<uint16_t>(slices),
          static_cast<uint16_t>(blocks < kMaxBlocks ? blocks : kMaxBlocks),
          ~uint64_t{0} / size + 1,
          static_cast<uint16_t>(fresh_blocks(size)),
          static_cast<uint16_t>(stack_depth(size, size_t{32} << 10)),
          static_cast<uint16_t>(stack_depth(size, size_t{4} << 10)),
          0};
}

constexpr std::array<SizeClass, kClasses> make_size_classes() {
  std::array<SizeClass, kClasses> classes{};
  uint32_t entry = 0;
  for (unsigned i = 0; i < kClasses; ++i) {
    classes[i] = make_size_class(i);
    classes[i].entry = entry;
    entry += classes[i].depth + 1u;
  }
  return classes;
}

[[gnu::section(".data.rel.ro.size_classes")]] inline constexpr std::array<SizeClass, kClasses> kSizeClasses =
    make_size_classes();

static_assert(kSizeClasses[kOrdinaryClasses - 1].size == kMaxSmall);

constexpr bool fresh_blocks_fit() {
  for (const SizeClass& shape : kSizeClasses)
    if (shape.fresh > shape.depth || shape.shallow > shape.depth) return false;
  return true;
}
static_assert(fresh_blocks_fit());

// Of all stacks of a heap together, a null entry below each.
constexpr uint32_t kStackEntries = kSizeClasses[kClasses - 1].entry + kSizeClasses[kClasses - 1].depth + 1u;

}  // namespace loam::heap
