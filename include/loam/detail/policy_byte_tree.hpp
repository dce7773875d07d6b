// Numbers from 0 to 255, all 0 at first, and above each 64 of them the largest: the first that is at least some value is found in a step a
// level, each of which looks at one line of the cache. Not for direct use.
//
// Invariant: an entry of level k + 1 is the largest of its 64 in level k. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_BYTE_TREE_HPP
#define LOAM_DETAIL_POLICY_BYTE_TREE_HPP

#include <loam/detail/policy_bits.hpp>

namespace loam::detail {

class byte_tree {
 public:
  // Numbers below `count` may be set from now on. False: out of memory, nothing was changed.
  bool reserve(table_memory memory, std::uint64_t count) {
    const std::uint64_t numbers = count;
    unsigned depth = 0;
    do {
      count = (count + fan - 1) / fan;
      if (!tables_[depth].reserve(memory, (count + colour(depth)) * fan)) return false;
      levels_[depth] = &tables_[depth][colour(depth) * fan];
      ++depth;
    } while (count > 1);
    for (; depth_ < depth; ++depth_) {
      if (depth_ > 0) levels_[depth_][0] = group_max(levels_[depth_ - 1]);
    }
    if (numbers > size_) size_ = numbers;
    return true;
  }
  void release(table_memory memory) {
    for (growing_table<std::uint8_t>& table : tables_) table.clear(memory);
    depth_ = 0;
    size_ = 0;
  }

  std::uint64_t size() const { return size_; }
  std::uint8_t operator[](std::uint64_t at) const { return levels_[0][at]; }
  std::uint8_t largest() const { return depth_ == 0 ? std::uint8_t{0} : group_max(levels_[depth_ - 1]); }

  // To at least `value`.
  void raise(std::uint64_t at, std::uint8_t value) {
    for (unsigned level = 0; level < depth_; ++level, at /= fan) {
      std::uint8_t& largest = levels_[level][at];
      if (largest >= value) return;
      largest = value;
    }
  }
  // To `value`. Requires: no more than it is.
  void lower(std::uint64_t at, std::uint8_t value) {
    const std::uint8_t old = levels_[0][at];
    for (unsigned level = 0; value != old;) {
      levels_[level][at] = value;
      at /= fan;
      // Where others of the group are as large, which is the rule, nobody needs to know the largest.
      if (++level == depth_ || levels_[level][at] != old || at_least(&levels_[level - 1][at * fan], old) != 0)
        return;
      value = group_max(&levels_[level - 1][at * fan]);
    }
  }

  // The first from `from` on that is at least `value`, or policy_none. Requires: value > 0.
  std::uint64_t find(std::uint8_t value, std::uint64_t from) {
    if (from == 0) return depth_ == 0 ? policy_none : find_below(depth_, 0, 0, value);
    if (from >= size_) return policy_none;
    if (levels_[0][from] >= value) return from;
    for (unsigned level = 1; level <= depth_; ++level, from /= fan) {
      if (from % fan == fan - 1) continue;
      const std::uint64_t found = find_below(level, from / fan, from % fan + 1, value);
      if (found != policy_none) return found;
    }
    return policy_none;
  }

  void prefetch(std::uint64_t at) const {
    if (at < size_) ask_for(&levels_[0][at]);
  }
  std::uint64_t steps() const { return steps_; }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const growing_table<std::uint8_t>& table : tables_) sum += table.bytes();
    return sum;
  }

  static constexpr unsigned fan = 64;  // a line
  // A bit for each of the 64 that is at least `value`.
  static std::uint64_t at_least(const std::uint8_t* group, std::uint8_t value) {
    const auto* of = reinterpret_cast<const lanes*>(group);
    const lanes wanted = lanes{} + value;
    return bits_of(of[0] >= wanted) | bits_of(of[1] >= wanted) << 16 | bits_of(of[2] >= wanted) << 32 |
           bits_of(of[3] >= wanted) << 48;
  }
  // The largest of the 64.
  static std::uint8_t group_max(const std::uint8_t* group) {
    const auto* of = reinterpret_cast<const lanes*>(group);
    const lanes all = larger(larger(of[0], of[1]), larger(of[2], of[3]));
    const lanes half =
        larger(all, __builtin_shufflevector(all, all, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    std::uint8_t largest = 0;
    for (unsigned i = 0; i < 8; ++i) largest = half[i] > largest ? half[i] : largest;
    return largest;
  }

 private:
  static constexpr unsigned max_depth = 5;

  using lanes = std::uint8_t __attribute__((vector_size(16), may_alias));

  static lanes larger(lanes one, lanes other) { return one > other ? one : other; }
  // The sixteen answers, each all ones or none, as bits.
  template <class Answers>
  static std::uint64_t bits_of(Answers from) {
#if __has_builtin(__builtin_ia32_pmovmskb128)
    using characters = char __attribute__((vector_size(16)));
    return static_cast<unsigned>(__builtin_ia32_pmovmskb128(reinterpret_cast<characters>(from)));
#else
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < 16; ++i) bits |= (from[i] != 0 ? std::uint64_t{1} : 0) << i;
    return bits;
#endif
  }
  // Lines that a level's table leaves out, since all tables begin at the same place in the cache.
  static constexpr std::uint64_t colour(unsigned level) { return std::uint64_t{level} * 5 + 1; }

  // From the entries of one group, of which those before `first` do not count. `level` is that above the group's.
  std::uint64_t find_below(unsigned level, std::uint64_t group, std::uint64_t first, std::uint8_t value) {
    for (;;) {
      ++steps_;
      const std::uint64_t fitting = at_least(&levels_[level - 1][group * fan], value) >> first << first;
      if (fitting == 0) return policy_none;
      group = group * fan + static_cast<unsigned>(__builtin_ctzll(fitting));
      first = 0;
      if (--level == 0) return group;
    }
  }

  std::uint8_t* levels_[max_depth] = {};
  unsigned depth_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t steps_ = 0;
  growing_table<std::uint8_t> tables_[max_depth];
};

}  // namespace loam::detail

#endif
