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
      // As large for every colour: what tables take must not depend on where the set lies.
      if (!tables_[level].reserve(memory, colours * line_words + words)) return false;
      levels_[level] = &tables_[level][colour(level)];
    }
    for (; depth_ < depth; ++depth_) {
      levels_[depth_][0] = root_;
      root_ = root_ != 0 ? 1 : 0;
    }
    if (bits > capacity_) capacity_ = bits;
    return true;
  }
  void release(table_memory memory) {
    for (growing_table<std::uint64_t>& table : tables_) table.clear(memory);
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
    for_depth([&](auto depth) { add_below<0, depth()>(number); });
  }
  // Requires: it is contained.
  void remove(std::uint64_t number) {
    if (number == lowest_) return remove_lowest();
    for_depth([&](auto depth) { remove_below<0, depth()>(number, 1); });
  }
  // Requires: not empty.
  void remove_lowest() {
    for_depth([&](auto depth) {
      remove_first<0, depth()>(lowest_, 0);
      lowest_ = root_ == 0 ? policy_none : descend<depth()>(first_bit(root_));
    });
  }
  // policy_none: it is empty.
  std::uint64_t lowest() const { return lowest_; }

  // Brings near what a change of the number looks at: of the lowest level, since the others are small.
  void prefetch(std::uint64_t number) const {
    if (number < capacity_) ask_for(&levels_[0][number / 64]);
  }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const growing_table<std::uint64_t>& table : tables_) sum += table.bytes();
    return sum;
  }

  static constexpr unsigned max_depth = 5;

 private:
  static constexpr std::uint64_t colours = 64, line_words = 8;

  template <unsigned Value>
  struct constant {
    constexpr unsigned operator()() const { return Value; }
  };
  // With the number of levels known, since their loops would cost more than what is in them. Most regions have three.
  template <class Function>
  void for_depth(Function function) {
    if (depth_ == 3) [[likely]]
      return function(constant<3>());
    if (depth_ == 2) return function(constant<2>());
    if (depth_ == 4) return function(constant<4>());
    if (depth_ == 1) return function(constant<1>());
    if (depth_ == 0) return function(constant<0>());
    function(constant<5>());
  }
  // Tables begin on pages, and the first words of each level are looked at most: without this all of them were in the same few lines of a
  // processor's first cache. In words, and another for each level of sets that lie side by side.
  std::uint64_t colour(unsigned level) const {
    constexpr std::uint64_t levels = 4;
    const std::uint64_t set = reinterpret_cast<std::uintptr_t>(this) / sizeof(lowest_set);
    return (set * levels + level) % colours * line_words;
  }

  template <unsigned Level, unsigned Depth>
  std::uint64_t& word_of(std::uint64_t number) {
    if constexpr (Level == Depth)
      return root_;
    else
      return levels_[Level][number / 64];
  }
  template <unsigned Level, unsigned Depth>
  void add_below(std::uint64_t number) {
    word_of<Level, Depth>(number) |= std::uint64_t{1} << number % 64;
    if constexpr (Level < Depth) add_below<Level + 1, Depth>(number / 64);
  }
  // `gone`: 1, or 0 where the word below has others left.
  template <unsigned Level, unsigned Depth>
  void remove_below(std::uint64_t number, std::uint64_t gone) {
    std::uint64_t& word = word_of<Level, Depth>(number);
    word &= ~(gone << number % 64);
    if constexpr (Level < Depth) remove_below<Level + 1, Depth>(number / 64, word == 0 ? 1 : 0);
  }
  // The lowest number's bit is the first of its word on each level. `kept`: the word below, where there is one.
  template <unsigned Level, unsigned Depth>
  void remove_first(std::uint64_t number, std::uint64_t kept) {
    std::uint64_t& word = word_of<Level, Depth>(number);
    const std::uint64_t without = word & (word - 1);
    const std::uint64_t left = kept == 0 ? without : word;
    word = left;
    if constexpr (Level < Depth) remove_first<Level + 1, Depth>(number / 64, left);
  }
  // Not std::countr_zero(): that asks whether a word is 0, which none of these is.
  static std::uint64_t first_bit(std::uint64_t word) { return static_cast<unsigned>(__builtin_ctzll(word)); }
  template <unsigned Level>
  std::uint64_t descend(std::uint64_t number) const {
    if constexpr (Level == 0)
      return number;
    else
      return descend<Level - 1>(number * 64 + first_bit(levels_[Level - 1][number]));
  }

  std::uint64_t lowest_ = policy_none;
  std::uint64_t root_ = 0;
  std::uint64_t* levels_[max_depth] = {};
  unsigned depth_ = 0;
  std::uint64_t capacity_ = 0;
  growing_table<std::uint64_t> tables_[max_depth];
};

}  // namespace loam::detail

#endif
