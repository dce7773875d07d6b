// A set of small numbers of which the lowest is asked for: bits, with a bit above for each word that has one. Not for direct use.
//
// Every level is written and read in every change, whatever the words say: how far up a change goes nobody can foretell, and a wrong
// guess costs more than all the levels. For the same reason sets that are used in turn are best given the same number of levels. The
// lowest is kept, so that who asks for it does not wait for one level after the other.
// Invariant: a bit of level k + 1, the root above the last, is set exactly where that word of level k is not zero. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_LOWEST_SET_HPP
#define LOAM_DETAIL_POLICY_LOWEST_SET_HPP

#include <loam/detail/policy_bits.hpp>

namespace loam::detail {

class lowest_set {
 public:
  // Levels below the root for numbers below `bits`.
  static constexpr unsigned depth_for(std::uint64_t bits) {
    unsigned depth = 0;
    for (std::uint64_t words = bits; words > 64; words = (words + 63) / 64) ++depth;
    return depth;
  }
  // Numbers below `bits` may be added from now on. Requires: depth is at least depth_for(bits), and no more than max_depth.
  // False: out of memory, nothing was changed.
  bool reserve(table_memory memory, std::uint64_t bits, unsigned depth) {
    std::uint64_t words = bits;
    for (unsigned level = 0; level < depth; ++level) {
      words = (words + 63) / 64;
      if (!levels_[level].reserve(memory, words)) return false;
    }
    for (; depth_ < depth; ++depth_) {
      levels_[depth_][0] = root_;
      root_ = root_ != 0 ? 1 : 0;
    }
    if (bits > capacity_) capacity_ = bits;
    return true;
  }
  void release(table_memory memory) {
    for (growing_table<std::uint64_t>& level : levels_) level.clear(memory);
    depth_ = 0;
    root_ = 0;
    lowest_ = policy_none;
    capacity_ = 0;
  }

  bool empty() const { return root_ == 0; }
  // Numbers below may be added.
  std::uint64_t capacity() const { return capacity_; }
  bool contains(std::uint64_t number) const {
    const std::uint64_t word = depth_ == 0 ? root_ : levels_[0][number / 64];
    return (word >> number % 64 & 1) != 0;
  }
  void add(std::uint64_t number) {
    lowest_ = number < lowest_ ? number : lowest_;
    for (unsigned level = 0; level < depth_; ++level) {
      levels_[level][number / 64] |= std::uint64_t{1} << number % 64;
      number /= 64;
    }
    root_ |= std::uint64_t{1} << number;
  }
  // Requires: it is contained.
  void remove(std::uint64_t number) {
    std::uint64_t at = number;
    std::uint64_t gone = 1;
    for (unsigned level = 0; level < depth_; ++level) {
      std::uint64_t& word = levels_[level][at / 64];
      word &= ~(gone << at % 64);
      gone = word == 0 ? 1 : 0;
      at /= 64;
    }
    root_ &= ~(gone << at);
    if (number == lowest_) lowest_ = root_ == 0 ? policy_none : descend();
  }
  // policy_none: it is empty.
  std::uint64_t lowest() const { return lowest_; }

  // Brings near what a change of the number looks at: of the lowest level, since the others are small.
  void prefetch(std::uint64_t number) const {
    if (depth_ != 0 && number / 64 < levels_[0].size()) ask_for(&levels_[0][number / 64]);
  }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const growing_table<std::uint64_t>& level : levels_) sum += level.bytes();
    return sum;
  }

  static constexpr unsigned max_depth = 5;

 private:
  // Not std::countr_zero(): that asks whether a word is 0, which none of these is. Requires: not empty.
  static std::uint64_t first_bit(std::uint64_t word) { return static_cast<unsigned>(__builtin_ctzll(word)); }
  std::uint64_t descend() const {
    std::uint64_t number = first_bit(root_);
    for (unsigned level = depth_; level-- > 0;) number = number * 64 + first_bit(levels_[level][number]);
    return number;
  }

  std::uint64_t lowest_ = policy_none;
  std::uint64_t root_ = 0;
  std::uint64_t capacity_ = 0;
  unsigned depth_ = 0;
  growing_table<std::uint64_t> levels_[max_depth];
};

}  // namespace loam::detail

#endif
