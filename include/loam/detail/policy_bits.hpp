// A set of small numbers as bits, with a bit above for each word that has one: the next or the last one before is found in a
// step a level, 64 times fewer each. Not for direct use.
//
// Invariant: a bit of level k + 1 is set exactly where that word of level k is not zero. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_BITS_HPP
#define LOAM_DETAIL_POLICY_BITS_HPP

#include <loam/detail/policy_tables.hpp>

#include <bit>

namespace loam::detail {

inline constexpr std::uint64_t policy_none = ~std::uint64_t{0};

// Stride: words that each lowest word takes, of which all but the first are the caller's, for what is looked at together with it.
template <unsigned Stride>
class strided_summary_bits {
 public:
  // Numbers below `bits` may be set from now on.
  bool reserve(table_memory memory, std::uint64_t bits) {
    if (bits <= capacity_) return true;
    std::uint64_t words = bits;
    unsigned depth = 0;
    do {
      words = (words + 63) / 64;
      if (depth == max_depth || !levels_[depth].reserve(memory, depth == 0 ? words * Stride : words))
        return false;
      ++depth;
    } while (words > 1);
    for (; depth_ < depth; ++depth_) {
      // Until now the level below had one word.
      if (depth_ > 0 && levels_[depth_ - 1][0] != 0) levels_[depth_][0] |= 1;
    }
    capacity_ = bits;
    return true;
  }
  void release(table_memory memory) {
    for (growing_table<std::uint64_t>& level : levels_) level.clear(memory);
    depth_ = 0;
    capacity_ = 0;
  }

  bool test(std::uint64_t number) const {
    return number < capacity_ && (word(number / 64) >> number % 64 & 1) != 0;
  }
  void set(std::uint64_t number) {
    for (unsigned level = 0; level < depth_; ++level) {
      std::uint64_t& word = at(level, number / 64);
      const std::uint64_t before = word;
      word |= std::uint64_t{1} << number % 64;
      if (before != 0) return;
      number /= 64;
    }
  }
  void clear(std::uint64_t number) {
    for (unsigned level = 0; level < depth_; ++level) {
      std::uint64_t& word = at(level, number / 64);
      word &= ~(std::uint64_t{1} << number % 64);
      if (word != 0) return;
      number /= 64;
    }
  }

  // The first that is not below `from`, or policy_none.
  std::uint64_t next(std::uint64_t from) const {
    if (from >= capacity_) return policy_none;
    const std::uint64_t bits = word(from / 64) >> from % 64;
    if (bits != 0) [[likely]]
      return from + static_cast<unsigned>(std::countr_zero(bits));
    return next_above(from / 64);
  }
  // The last that is below `before`, or policy_none. Requires: before <= capacity.
  std::uint64_t previous(std::uint64_t before) const {
    if (before % 64 != 0) [[likely]] {
      const std::uint64_t bits = word(before / 64) << (64 - before % 64);
      if (bits != 0) [[likely]]
        return before - 1 - static_cast<unsigned>(std::countl_zero(bits));
    }
    return previous_above(before / 64);
  }

  // Brings near the word of a number; of one beyond the capacity nothing.
  void prefetch(std::uint64_t number) const {
    if (number < capacity_) ask_for(&levels_[0][number / 64 * Stride]);
  }
  std::uint64_t word(std::uint64_t at) const { return levels_[0][at * Stride]; }
  // The caller's word beside it.
  std::uint64_t& beside(std::uint64_t at) { return levels_[0][at * Stride + Stride - 1]; }
  const std::uint64_t& beside(std::uint64_t at) const { return levels_[0][at * Stride + Stride - 1]; }
  std::uint64_t capacity() const { return capacity_; }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const growing_table<std::uint64_t>& level : levels_) sum += level.bytes();
    return sum;
  }

 private:
  static constexpr unsigned max_depth = 6;

  std::uint64_t& at(unsigned level, std::uint64_t word) {
    return levels_[level][level == 0 ? word * Stride : word];
  }
  const std::uint64_t& at(unsigned level, std::uint64_t word) const {
    return levels_[level][level == 0 ? word * Stride : word];
  }
  std::uint64_t next_above(std::uint64_t word) const {
    for (unsigned level = 1; level < depth_; ++level) {
      const std::uint64_t from = word + 1;
      word = from / 64;
      const std::uint64_t bits = word < levels_[level].size() ? levels_[level][word] >> from % 64 : 0;
      if (bits == 0) continue;
      std::uint64_t found = from + static_cast<unsigned>(std::countr_zero(bits));
      while (level-- > 0) found = found * 64 + static_cast<unsigned>(std::countr_zero(at(level, found)));
      return found;
    }
    return policy_none;
  }
  std::uint64_t previous_above(std::uint64_t before) const {
    for (unsigned level = 1; level < depth_; ++level) {
      const std::uint64_t word = before / 64;
      const std::uint64_t bits = before % 64 == 0 ? 0 : levels_[level][word] << (64 - before % 64);
      if (bits != 0) {
        std::uint64_t found = before - 1 - static_cast<unsigned>(std::countl_zero(bits));
        while (level-- > 0)
          found = found * 64 + 63 - static_cast<unsigned>(std::countl_zero(at(level, found)));
        return found;
      }
      before = word;
    }
    return policy_none;
  }

  growing_table<std::uint64_t> levels_[max_depth];
  unsigned depth_ = 0;
  std::uint64_t capacity_ = 0;
};

using summary_bits = strided_summary_bits<1>;

}  // namespace loam::detail

#endif
