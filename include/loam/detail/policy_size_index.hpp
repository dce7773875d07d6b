// The free blocks by size and, of one size, by address. Not for direct use.
//
// Small sizes, which nearly all are: for each size a set of the stretches of 64 units in which a free block of it begins; which it
// is, two words of the block map tell. The others are in a tree. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_SIZE_INDEX_HPP
#define LOAM_DETAIL_POLICY_SIZE_INDEX_HPP

#include <loam/detail/policy_blocks.hpp>
#include <loam/detail/policy_key_tree.hpp>
#include <loam/detail/policy_lowest_set.hpp>
#include <loam/detail/policy_space.hpp>

namespace loam::detail {

// Sizes below 64 units.
class small_sizes {
 public:
  static constexpr std::uint64_t limit = 64;

  void open(const block_map* blocks) { blocks_ = blocks; }
  void release(table_memory memory) {
    for (lowest_set& set : stretches_) set.release(memory);
    sizes_ = 0;
  }

  // Without memory the block is not found, until it is part of a larger one.
  void added(table_memory memory, std::uint64_t start, std::uint64_t size) {
    lowest_set& set = stretches_[size];
    const std::uint64_t stretch = start / 64;
    if (stretch >= set.capacity() && !reserve(memory, set)) return;
    set.add(stretch);
    sizes_ |= std::uint64_t{1} << size;
  }
  // Requires: the block is marked live, or no start any more.
  void removed(std::uint64_t start, std::uint64_t size) {
    lowest_set& set = stretches_[size];
    const std::uint64_t stretch = start / 64;
    if (first_in(stretch, size) != policy_none || stretch >= set.capacity() || !set.contains(stretch)) return;
    set.remove(stretch);
    sizes_ &= ~(std::uint64_t{set.empty()} << size);
  }

  void prefetch(std::uint64_t start, std::uint64_t size) const {
    if (size < limit) stretches_[size].prefetch(start / 64);
  }
  // What lowest() will look at.
  void prefetch_lowest(std::uint64_t size) const {
    const std::uint64_t stretch = stretches_[size].lowest();
    if (stretch != policy_none) blocks_->prefetch(stretch * 64);
  }
  // The least of the sizes that is not below, or 0.
  std::uint64_t least_from(std::uint64_t size) const {
    const std::uint64_t bits = size < limit ? sizes_ >> size : 0;
    return bits == 0 ? 0 : size + static_cast<unsigned>(std::countr_zero(bits));
  }
  std::uint64_t largest() const {
    return sizes_ == 0 ? 0 : 63u - static_cast<unsigned>(std::countl_zero(sizes_));
  }
  // The lowest block of a size that has one.
  std::uint64_t lowest(std::uint64_t size) const { return first_in(stretches_[size].lowest(), size); }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const lowest_set& set : stretches_) sum += set.bytes();
    return sum;
  }

 private:
  // More than is needed now: a region grows in small steps.
  bool reserve(table_memory memory, lowest_set& set) const {
    const std::uint64_t stretches = 2 * (blocks_->end() / 64 + 1);
    return set.reserve(memory, stretches, lowest_set::depth_for(stretches));
  }
  std::uint64_t first_in(std::uint64_t stretch, std::uint64_t size) const {
    const std::uint64_t starts = blocks_->start_word(stretch);
    // Where a start is `size` units further on.
    const std::uint64_t followed = starts >> size | blocks_->start_word_or_none(stretch + 1) << (64 - size);
    for (std::uint64_t rest = blocks_->free_word(stretch) & followed; rest != 0; rest &= rest - 1) {
      const std::uint64_t start = stretch * 64 + static_cast<unsigned>(std::countr_zero(rest));
      if (blocks_->size_of(start) == size) return start;
    }
    return policy_none;
  }

  const block_map* blocks_ = nullptr;
  std::uint64_t sizes_ = 0;  // those that have a block
  lowest_set stretches_[limit];
};

// Best fit: the smallest block that is large enough, of several the lowest.
class best_fit_index {
 public:
  void open(const block_map* blocks, std::uint64_t) { small_.open(blocks); }
  bool reserve(table_memory memory, std::uint64_t) {
    memory_ = memory;
    return true;
  }
  void release(table_memory memory) {
    tree_.release(memory);
    small_.release(memory);
  }
  policy_place find(std::uint64_t units) {
    const std::uint64_t size = small_.least_from(units);
    if (size == 0) return place(tree_.find(key(0, units)));
    ++steps_;
    return {small_.lowest(size), size};
  }
  std::uint64_t grow_units(std::uint64_t units) const { return units; }
  void added(std::uint64_t start, std::uint64_t size) {
    if (size < small_sizes::limit)
      small_.added(memory_, start, size);
    else if (tree_.reserve(memory_))
      tree_.insert(key(start, size));
  }
  void removed(std::uint64_t start, std::uint64_t size) {
    if (size < small_sizes::limit)
      small_.removed(start, size);
    else
      tree_.erase(key(start, size));
  }
  void taken(std::uint64_t) {}
  void merged(std::uint64_t, std::uint64_t) {}
  void settle() {}
  void prefetch(std::uint64_t) const {}
  static constexpr bool prefetches_neighbours = true;
  void prefetch_block(std::uint64_t start, std::uint64_t size) const { small_.prefetch(start, size); }
  void prefetch_find(std::uint64_t units) const {
    const std::uint64_t size = small_.least_from(units);
    if (size != 0) small_.prefetch_lowest(size);
  }
  std::uint64_t largest() const {
    const std::uint64_t size = place(tree_.find_below(policy_none)).size;
    return size != 0 ? size : small_.largest();
  }
  std::uint64_t steps() const { return steps_ + tree_.steps(); }
  std::size_t bytes() const { return tree_.bytes() + small_.bytes(); }

 private:
  static std::uint64_t key(std::uint64_t start, std::uint64_t size) { return size << 32 | start; }
  static policy_place place(std::uint64_t found) {
    if (found == policy_none) return {policy_none, 0};
    return {found & 0xffff'ffff, found >> 32};
  }

  table_memory memory_ = nullptr;
  std::uint64_t steps_ = 0;
  small_sizes small_;
  key_tree tree_;
};

// Worst fit: the largest block, of several the lowest.
//
// That one is kept apart from the others: it is cut for each request, and mostly still is the largest afterwards, so that
// most calls have nothing to do with the tree. Invariant: `top_`, unless it is policy_none, is below all keys in the tree.
class worst_fit_index {
 public:
  void open(const block_map* blocks, std::uint64_t) { small_.open(blocks); }
  bool reserve(table_memory memory, std::uint64_t) {
    memory_ = memory;
    return true;
  }
  void release(table_memory memory) {
    tree_.release(memory);
    small_.release(memory);
    top_ = policy_none;
  }
  policy_place find(std::uint64_t units) {
    take_top();
    policy_place found = place(top_);
    if (found.start == policy_none && small_.largest() != 0)
      found = {small_.lowest(small_.largest()), small_.largest()};
    if (found.start != policy_none) ++steps_;
    return found.start == policy_none || found.size < units ? policy_place{policy_none, 0} : found;
  }
  std::uint64_t grow_units(std::uint64_t units) const { return units; }
  void added(std::uint64_t start, std::uint64_t size) {
    if (size < small_sizes::limit) return small_.added(memory_, start, size);
    std::uint64_t inserted = key(start, size);
    if (inserted < (top_ != policy_none ? top_ : tree_.least())) {
      const std::uint64_t before = top_;
      top_ = inserted;
      inserted = before;
    }
    if (inserted != policy_none && tree_.reserve(memory_)) tree_.insert(inserted);
  }
  void removed(std::uint64_t start, std::uint64_t size) {
    if (size < small_sizes::limit)
      small_.removed(start, size);
    else if (key(start, size) == top_)
      top_ = policy_none;
    else
      tree_.erase(key(start, size));
  }
  void taken(std::uint64_t) {}
  void merged(std::uint64_t, std::uint64_t) {}
  void settle() {}
  void prefetch(std::uint64_t) const {}
  static constexpr bool prefetches_neighbours = true;
  void prefetch_block(std::uint64_t start, std::uint64_t size) const { small_.prefetch(start, size); }
  void prefetch_find(std::uint64_t) const {}
  std::uint64_t largest() {
    take_top();
    return top_ != policy_none ? place(top_).size : small_.largest();
  }
  std::uint64_t steps() const { return steps_ + tree_.steps(); }
  std::size_t bytes() const { return tree_.bytes() + small_.bytes(); }

 private:
  static constexpr std::uint64_t all = 0xffff'ffff;

  static std::uint64_t key(std::uint64_t start, std::uint64_t size) { return (all - size) << 32 | start; }
  static policy_place place(std::uint64_t found) {
    if (found == policy_none) return {policy_none, 0};
    return {found & all, all - (found >> 32)};
  }
  void take_top() {
    if (top_ != policy_none) return;
    top_ = tree_.least();
    if (top_ != policy_none) tree_.erase(top_);
  }

  table_memory memory_ = nullptr;
  std::uint64_t steps_ = 0;
  std::uint64_t top_ = policy_none;
  small_sizes small_;
  key_tree tree_;
};

}  // namespace loam::detail

#endif
