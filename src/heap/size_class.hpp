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
constexpr size_t kMaxDirect = 1024;           // up to here the class is (size - 1) / 16
constexpr size_t kMaxSmall = size_t{64} << 10;  // above: large blocks, spans of their own
constexpr unsigned kDirectClasses = 64;
constexpr unsigned kStepsPerDoubling = 8;
constexpr unsigned kClasses = kDirectClasses + 6 * kStepsPerDoubling;
constexpr unsigned kMaxBlocks = 1024;  // of a span; its bitmap has at most 16 words

constexpr unsigned class_of(size_t size) {
  const uint64_t last = size - 1;
  if (size <= kMaxDirect) return static_cast<unsigned>(last / kGranule);
  const unsigned exponent = base::highest_bit(last);
  return kDirectClasses + (exponent - 10) * kStepsPerDoubling + static_cast<unsigned>((last >> (exponent - 3)) & 7);
}

constexpr size_t size_of_class(unsigned index) {
  if (index < kDirectClasses) return (index + 1) * kGranule;
  const unsigned exponent = 10 + (index - kDirectClasses) / kStepsPerDoubling;
  const unsigned step = (index - kDirectClasses) % kStepsPerDoubling;
  return static_cast<size_t>(9 + step) << (exponent - 3);
}

struct SizeClass {
  uint32_t size;    // bytes of a block
  uint16_t slices;  // of a span
  uint16_t blocks;  // in a span
  uint64_t inverse;  // ceil(2^64 / size): the high half of offset * inverse is the block's index
};

constexpr SizeClass make_size_class(unsigned index) {
  const size_t size = size_of_class(index);
  uint64_t slices = 4;
  if (size * kMaxBlocks < slices * meta::kSlice) slices = base::divide_up(size * kMaxBlocks, meta::kSlice);
  // From 1 KiB up a span takes as many slices as leave at most 1/32 of it over, and at least eight blocks.
  while (slices < 64 && (slices * meta::kSlice / size < 8 || slices * meta::kSlice % size > slices * meta::kSlice / 32))
    ++slices;
  const uint64_t blocks = slices * meta::kSlice / size;
  return {static_cast<uint32_t>(size), static_cast<uint16_t>(slices),
          static_cast<uint16_t>(blocks < kMaxBlocks ? blocks : kMaxBlocks), ~uint64_t{0} / size + 1};
}

constexpr std::array<SizeClass, kClasses> make_size_classes() {
  std::array<SizeClass, kClasses> classes{};
  for (unsigned i = 0; i < kClasses; ++i) classes[i] = make_size_class(i);
  return classes;
}

inline constexpr std::array<SizeClass, kClasses> kSizeClasses = make_size_classes();

static_assert(kSizeClasses[kClasses - 1].size == kMaxSmall);

}  // namespace loam::heap
