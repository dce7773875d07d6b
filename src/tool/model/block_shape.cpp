#include "tool/model/block_shape.hpp"

#include "base/bits.hpp"

namespace loam::tool {
namespace {

constexpr std::uint64_t kPage = 4096;

// loam's size classes (heap/size_class.hpp, which a test holds this to): steps of 16 to 1 KiB, eight a doubling to 64 KiB; then pages.
constexpr std::uint64_t kMostSmall = std::uint64_t{64} << 10;

std::uint64_t loam_class(std::uint64_t size) {
  if (size > kMostSmall) return base::align_up(size, kPage);
  if (size <= 1024) return base::align_up(size, 16);
  const unsigned exponent = base::highest_bit(size - 1);
  return base::align_up(size, std::uint64_t{1} << (exponent - 3));
}

// Aligned blocks are of the first class whose size is a multiple of the alignment.
std::uint64_t loam_usable(std::uint64_t size, std::uint64_t alignment) {
  if (size == 0) size = 1;
  if (alignment <= 16 || size > kMostSmall) return loam_class(size);
  const std::uint64_t rounded = base::align_up(size, alignment);
  for (std::uint64_t wanted = rounded; wanted <= kMostSmall && wanted <= 2 * rounded; wanted += alignment)
    if (loam_class(wanted) % alignment == 0) return loam_class(wanted);
  return base::align_up(size, kPage);
}

// The C library's chunks: the size in the word before the block, multiples of 16, at least 32; the last word is lent to the block.
// A block with a mapping of its own lies 16 bytes behind the start of a page.
BlockShape glibc_shape(std::uint64_t address, std::uint64_t size) {
  constexpr std::uint64_t kWord = 8;
  constexpr std::uint64_t kLeastMapped = std::uint64_t{128} << 10;
  if (size >= kLeastMapped - 2 * kWord && address % kPage == 2 * kWord)
    return {2 * kWord, base::align_up(size + 2 * kWord, kPage) - 2 * kWord - size};
  const std::uint64_t chunk = base::align_up(size + kWord, 16);
  return {kWord, (chunk < 32 ? 32 : chunk) - kWord - size};
}

}  // namespace

BlockShape shape_of(BlockLayout layout, std::uint64_t address, std::uint64_t size, unsigned log_alignment) {
  switch (layout) {
    case BlockLayout::kUnknown:
      return {};
    case BlockLayout::kLoam:
      return {0, loam_usable(size, std::uint64_t{1} << (log_alignment & 63U)) - size};
    case BlockLayout::kGlibc:
      return glibc_shape(address, size);
  }
  return {};
}

}  // namespace loam::tool
