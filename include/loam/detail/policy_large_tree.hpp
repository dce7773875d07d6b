// A size for each leaf of a region, 0 at first, and above each 16 of them the largest: for the few blocks that are so large that a byte does
// not tell their size (policy_byte_tree.hpp). Not for direct use.
//
// Invariant: an entry of level k + 1 is the largest of its 16 in level k. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_LARGE_TREE_HPP
#define LOAM_DETAIL_POLICY_LARGE_TREE_HPP

#include <loam/detail/policy_bits.hpp>

namespace loam::detail {

class large_tree {
 public:
  // Leaves below `count` may be set from now on. False: out of memory, nothing was changed.
  bool reserve(table_memory memory, std::uint64_t count) {
    if (count > size_) size_ = count;
    unsigned depth = 0;
    do {
      count = (count + fan - 1) / fan;
      if (!levels_[depth].reserve(memory, count * fan)) return false;
      ++depth;
    } while (count > 1);
    for (; depth_ < depth; ++depth_) {
      if (depth_ > 0) levels_[depth_][0] = group_max(&levels_[depth_ - 1][0]);
    }
    return true;
  }
  void release(table_memory memory) {
    for (growing_table<std::uint32_t>& level : levels_) level.clear(memory);
    depth_ = 0;
    size_ = 0;
  }

  void set(std::uint64_t leaf, std::uint64_t size) {
    auto value = static_cast<std::uint32_t>(size);
    for (unsigned level = 0; level < depth_ && levels_[level][leaf] != value; ++level) {
      levels_[level][leaf] = value;
      leaf /= fan;
      value = group_max(&levels_[level][leaf * fan]);
    }
  }
  // The first leaf from this on whose size is at least `size`, or policy_none. Requires: size > 0.
  std::uint64_t find(std::uint64_t size, std::uint64_t from) {
    if (from >= size_) return policy_none;
    if (from == 0) return find_below(depth_, 0, 0, size);
    if (levels_[0][from] >= size) return from;
    for (unsigned level = 1; level <= depth_; ++level, from /= fan) {
      if (from % fan == fan - 1) continue;
      const std::uint64_t found = find_below(level, from / fan, from % fan + 1, size);
      if (found != policy_none) return found;
    }
    return policy_none;
  }
  std::uint64_t largest() const { return depth_ == 0 ? 0 : group_max(&levels_[depth_ - 1][0]); }
  std::uint64_t steps() const { return steps_; }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const growing_table<std::uint32_t>& level : levels_) sum += level.bytes();
    return sum;
  }

 private:
  static constexpr unsigned fan = 16;  // a line
  static constexpr unsigned max_depth = 8;

  static std::uint32_t group_max(const std::uint32_t* group) {
    std::uint32_t largest = 0;
    for (unsigned i = 0; i < fan; ++i) largest = group[i] > largest ? group[i] : largest;
    return largest;
  }
  // From the entries of one group, of which those before `first` do not count. `level` is that above the group's.
  std::uint64_t find_below(unsigned level, std::uint64_t group, std::uint64_t first, std::uint64_t size) {
    for (;;) {
      ++steps_;
      const std::uint32_t* of = &levels_[level - 1][group * fan];
      while (first < fan && of[first] < size) ++first;
      if (first == fan) return policy_none;
      group = group * fan + first;
      first = 0;
      if (--level == 0) return group;
    }
  }

  growing_table<std::uint32_t> levels_[max_depth];
  unsigned depth_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace loam::detail

#endif
