// The free blocks of a region by address, each part of it with the size of its largest: the lowest free block of at least a size
// is found from the top of an implicit tree, without any link. Not for direct use.
//
// Leaves are 64 units, whose blocks two words of the block map tell; above them 16 to one. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_ADDRESS_INDEX_HPP
#define LOAM_DETAIL_POLICY_ADDRESS_INDEX_HPP

#include <loam/detail/policy_blocks.hpp>
#include <loam/detail/policy_space.hpp>

namespace loam::detail {

class largest_tree {
 public:
  void open(const block_map* blocks) { blocks_ = blocks; }
  bool reserve(table_memory memory, std::uint64_t units) {
    std::uint64_t leaves = units / 64 + 1;
    unsigned depth = 0;
    do {
      leaves = (leaves + fan - 1) / fan * fan;
      if (!levels_[depth].reserve(memory, leaves)) return false;
      leaves /= fan;
      ++depth;
    } while (leaves > 1);
    for (; depth_ < depth; ++depth_) {
      if (depth_ > 0) levels_[depth_][0] = group_max(&levels_[depth_ - 1][0]);
    }
    return true;
  }
  void release(table_memory memory) {
    for (growing_table<size_type>& level : levels_) level.clear(memory);
    depth_ = 0;
  }

  void added(std::uint64_t start, std::uint64_t size) {
    const size_type value = capped(size);
    std::uint64_t at = start / 64;
    for (unsigned level = 0; level < depth_; ++level, at /= fan) {
      size_type& largest = levels_[level][at];
      if (largest >= value) return;
      largest = value;
    }
  }
  // The leaf is counted anew by settle(): what comes free or is left in the same call mostly lies in it as well.
  void removed(std::uint64_t start, std::uint64_t size) {
    const std::uint64_t leaf = start / 64;
    if (levels_[0][leaf] != capped(size)) return;
    if (stale_count_ > 0 && stale_[stale_count_ - 1] == leaf) return;
    if (stale_count_ == most_stale) settle();
    stale_[stale_count_++] = leaf;
  }
  void settle() {
    while (stale_count_ > 0) lower(stale_[--stale_count_]);
  }

  // The lowest free block of at least `size` whose start is not below `from`.
  policy_place find(std::uint64_t size, std::uint64_t from) {
    if (depth_ == 0) return {policy_none, 0};
    const size_type wanted = capped(size);
    if (from == 0) return find_below(depth_, 0, 0, size);
    const std::uint64_t leaf = from / 64;
    ++steps_;
    if (leaf >= levels_[0].size()) return {policy_none, 0};
    if (levels_[0][leaf] >= wanted) {
      const policy_place found = find_in_leaf(leaf, size, ~std::uint64_t{0} << from % 64);
      if (found.start != policy_none) return found;
    }
    std::uint64_t at = leaf;
    for (unsigned level = 1; level <= depth_; ++level, at /= fan) {
      if (at % fan == fan - 1) continue;
      const policy_place found = find_below(level, at / fan, at % fan + 1, size);
      if (found.start != policy_none) return found;
    }
    return {policy_none, 0};
  }

  void prefetch(std::uint64_t start) const {
    if (start / 64 < levels_[0].size()) ask_for(&levels_[0][start / 64]);
  }
  // Of a block at the cap no less than that.
  std::uint64_t largest() const {
    return depth_ == 0 ? 0 : static_cast<std::uint64_t>(group_max(&levels_[depth_ - 1][0]));
  }
  std::uint64_t steps() const { return steps_; }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const growing_table<size_type>& level : levels_) sum += level.bytes();
    return sum;
  }

 private:
  static constexpr unsigned fan = 16;
  static constexpr unsigned max_depth = 8;
  static constexpr unsigned most_stale = 4;

  // With a sign, since processors compare those in one step. A region has fewer than twice as many units as the cap: no more than one
  // block reaches it, and the leaf that is found for a size above has it or nothing has.
  using size_type = std::int32_t;
  static size_type capped(std::uint64_t size) {
    constexpr std::uint64_t cap = 0x7fff'ffff;
    return static_cast<size_type>(size < cap ? size : cap);
  }
  // Four entries at once: which of a group is the first that will do is a coin toss for a branch, and that once a level.
  using lanes = size_type __attribute__((vector_size(16), may_alias));

  static size_type group_max(const size_type* group) {
    const auto* of = reinterpret_cast<const lanes*>(group);
    const lanes low = of[0] > of[1] ? of[0] : of[1];
    const lanes high = of[2] > of[3] ? of[2] : of[3];
    const lanes all = low > high ? low : high;
    const size_type first = all[0] > all[1] ? all[0] : all[1];
    const size_type second = all[2] > all[3] ? all[2] : all[3];
    return first > second ? first : second;
  }
  // A bit for each entry that is at least `size`.
  static unsigned group_at_least(const size_type* group, size_type size) {
    const auto* of = reinterpret_cast<const lanes*>(group);
    const size_type below = size - 1;
    const lanes less = {below, below, below, below};
    const lanes first = {1, 2, 4, 8};
    lanes bits = first & (of[0] > less);
    bits |= (first << 4) & (of[1] > less);
    bits |= (first << 8) & (of[2] > less);
    bits |= (first << 12) & (of[3] > less);
    using halves = std::uint64_t __attribute__((vector_size(16)));
    const auto both = reinterpret_cast<halves>(bits);
    const std::uint64_t joined = both[0] | both[1];
    return static_cast<unsigned>(joined | joined >> 32);
  }

  // To what the blocks in a leaf say now, which is no more than before.
  void lower(std::uint64_t at) {
    const size_type old = levels_[0][at];
    size_type value = leaf_max(at);
    for (unsigned level = 0;;) {
      if (value == old) return;
      levels_[level][at] = value;
      at /= fan;
      if (++level == depth_ || levels_[level][at] != old) return;
      value = group_max(&levels_[level - 1][at * fan]);
    }
  }

  // From the children of one node, of which those before `first` do not count. `level` is the node's, leaves have 0.
  policy_place find_below(unsigned level, std::uint64_t node, unsigned first, std::uint64_t size) {
    const size_type wanted = capped(size);
    for (;;) {
      const unsigned fitting = group_at_least(&levels_[level - 1][node * fan], wanted) >> first << first;
      const auto child = fitting == 0 ? fan : static_cast<unsigned>(std::countr_zero(fitting));
      steps_ += child - first + 1;
      if (child == fan) return {policy_none, 0};
      node = node * fan + child;
      first = 0;
      if (--level == 0) return find_in_leaf(node, size, ~std::uint64_t{0});
    }
  }
  policy_place find_in_leaf(std::uint64_t leaf, std::uint64_t size, std::uint64_t mask) {
    const std::uint64_t starts = blocks_->start_word(leaf);
    for (std::uint64_t rest = blocks_->free_word(leaf) & mask; rest != 0; rest &= rest - 1) {
      ++steps_;
      const auto bit = static_cast<unsigned>(std::countr_zero(rest));
      const std::uint64_t found = size_in_leaf(leaf, starts, bit);
      if (found >= size) return {leaf * 64 + bit, found};
    }
    return {policy_none, 0};
  }
  std::uint64_t size_in_leaf(std::uint64_t leaf, std::uint64_t starts, unsigned bit) const {
    const std::uint64_t above = starts >> bit >> 1;
    if (above != 0) return static_cast<unsigned>(std::countr_zero(above)) + 1u;
    return blocks_->size_of(leaf * 64 + bit);
  }
  size_type leaf_max(std::uint64_t leaf) const {
    const std::uint64_t starts = blocks_->start_word(leaf);
    std::uint64_t largest = 0;
    for (std::uint64_t rest = blocks_->free_word(leaf); rest != 0; rest &= rest - 1) {
      const std::uint64_t size = size_in_leaf(leaf, starts, static_cast<unsigned>(std::countr_zero(rest)));
      if (size > largest) largest = size;
    }
    return capped(largest);
  }

  const block_map* blocks_ = nullptr;
  growing_table<size_type> levels_[max_depth];
  unsigned depth_ = 0;
  std::uint64_t stale_[most_stale] = {};  // leaves whose largest block was removed
  unsigned stale_count_ = 0;
  std::uint64_t steps_ = 0;
};

// First fit: the lowest block that is large enough.
class first_fit_index {
 public:
  void open(const block_map* blocks, std::uint64_t) { tree_.open(blocks); }
  bool reserve(table_memory memory, std::uint64_t units) { return tree_.reserve(memory, units); }
  void release(table_memory memory) { tree_.release(memory); }
  policy_place find(std::uint64_t units) { return tree_.find(units, 0); }
  std::uint64_t grow_units(std::uint64_t units) const { return units; }
  void added(std::uint64_t start, std::uint64_t size) { tree_.added(start, size); }
  void removed(std::uint64_t start, std::uint64_t size) { tree_.removed(start, size); }
  void taken(std::uint64_t) {}
  void merged(std::uint64_t, std::uint64_t) {}
  void settle() { tree_.settle(); }
  void prefetch(std::uint64_t start) const { tree_.prefetch(start); }
  static constexpr bool prefetches_neighbours = false;  // they lie in the same line
  // To walk down the tree ahead costs more than the lines that this would bring near.
  void prefetch_find(std::uint64_t) const {}
  std::uint64_t largest() const { return tree_.largest(); }
  std::uint64_t steps() const { return tree_.steps(); }
  std::size_t bytes() const { return tree_.bytes(); }

 private:
  largest_tree tree_;
};

// Next fit: the same, but the search goes on where the last one ended, and from the start of the region when it has seen the end.
class next_fit_index {
 public:
  void open(const block_map* blocks, std::uint64_t) { tree_.open(blocks); }
  bool reserve(table_memory memory, std::uint64_t units) { return tree_.reserve(memory, units); }
  void release(table_memory memory) {
    tree_.release(memory);
    rover_ = 0;
  }
  policy_place find(std::uint64_t units) {
    const policy_place found = tree_.find(units, rover_);
    return found.start == policy_none && rover_ != 0 ? tree_.find(units, 0) : found;
  }
  std::uint64_t grow_units(std::uint64_t units) const { return units; }
  void added(std::uint64_t start, std::uint64_t size) { tree_.added(start, size); }
  void removed(std::uint64_t start, std::uint64_t size) { tree_.removed(start, size); }
  void taken(std::uint64_t end) { rover_ = end; }
  // The block where the search would go on has become part of a larger one: that is where it goes on.
  void merged(std::uint64_t start, std::uint64_t end) {
    if (start < rover_ && rover_ < end) rover_ = start;
  }
  void settle() { tree_.settle(); }
  void prefetch(std::uint64_t start) const { tree_.prefetch(start); }
  static constexpr bool prefetches_neighbours = false;  // they lie in the same line
  void prefetch_find(std::uint64_t) const {}
  std::uint64_t largest() const { return tree_.largest(); }
  std::uint64_t steps() const { return tree_.steps(); }
  std::size_t bytes() const { return tree_.bytes(); }

 private:
  largest_tree tree_;
  std::uint64_t rover_ = 0;
};

}  // namespace loam::detail

#endif
