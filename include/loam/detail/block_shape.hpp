// How the blocks of one size lie in a page, and what is known of each. Not for direct use.
#ifndef LOAM_DETAIL_BLOCK_SHAPE_HPP
#define LOAM_DETAIL_BLOCK_SHAPE_HPP

#include <bit>
#include <cstddef>
#include <cstdint>

namespace loam::detail {

// Not `unsigned char`: the compiler would take each store of one for a change of everything that it holds in registers. Further values
// are the tags of shared_blocks.
enum class block_state : std::uint8_t { free, live };

// 32 bytes, so that an array of them is indexed by a shift.
struct alignas(32) block_shape {
  std::uint32_t size;
  std::uint32_t count;    // of blocks in a page
  std::uint64_t inverse;  // of the odd part of the size, modulo 2^64
  std::uint32_t shift;    // the even part is 2^shift

  // Of the block that starts at the offset, any number at all: below `count` for those, and only for those, that are a multiple of the
  // size and inside the page. (T. Granlund, P. Montgomery, "Division by invariant integers using multiplication", 1994: among all
  // numbers the small results are those of exact divisions.)
  constexpr std::uint64_t index_of(std::uint64_t offset) const noexcept {
    return std::rotr(offset * inverse, static_cast<int>(shift));
  }
};

constexpr block_shape shape_of(std::size_t size, std::size_t page_bytes) noexcept {
  const int shift = std::countr_zero(size);
  const std::uint64_t odd = size >> shift;
  std::uint64_t inverse = odd;                               // right in 3 bits,
  for (int i = 0; i < 5; ++i) inverse *= 2 - odd * inverse;  // then in twice as many each time (Newton)
  return {static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(page_bytes / size), inverse,
          static_cast<std::uint32_t>(shift)};
}

}  // namespace loam::detail

#endif
