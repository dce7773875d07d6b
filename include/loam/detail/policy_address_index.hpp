// The free blocks of a region by address, each part of it with the size of its largest: the lowest free block of at least a size
// is found from the top of an implicit tree, without any link. Not for direct use.
//
// Leaves are 64 units, whose blocks two words of the block map tell. A byte for each is enough for nearly all sizes; larger blocks are in
// a tree of their own as well, which few calls look at. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_ADDRESS_INDEX_HPP
#define LOAM_DETAIL_POLICY_ADDRESS_INDEX_HPP

#include <loam/detail/policy_blocks.hpp>
#include <loam/detail/policy_byte_tree.hpp>
#include <loam/detail/policy_large_tree.hpp>
#include <loam/detail/policy_space.hpp>

namespace loam::detail {

class largest_tree {
 public:
  void open(const block_map* blocks) { blocks_ = blocks; }
  bool reserve(table_memory memory, std::uint64_t units) {
    return bytes_.reserve(memory, units / 64 + 1) && large_.reserve(memory, units / 64 + 1);
  }
  void release(table_memory memory) {
    bytes_.release(memory);
    large_.release(memory);
    last_ = {policy_none, 0};
  }

  void added(std::uint64_t start, std::uint64_t size) {
    bytes_.raise(start / 64, capped(size));
    if (size > most) add_large(start, size);
  }
  // The leaf is counted anew by settle(): what comes free or is left in the same call mostly lies in it as well.
  void removed(std::uint64_t start, std::uint64_t size) {
    const std::uint64_t leaf = start / 64;
    if (size > most) remove_large(start);
    if (bytes_[leaf] != capped(size)) return;
    if (stale_count_ > 0 && stale_[stale_count_ - 1] == leaf) return;
    if (stale_count_ == most_stale) settle();
    stale_[stale_count_++] = leaf;
  }
  void settle() {
    while (stale_count_ > 0) {
      const std::uint64_t leaf = stale_[--stale_count_];
      bytes_.lower(leaf, leaf_max(leaf));
    }
  }

  // The lowest free block of at least `size` whose start is not below `from`.
  policy_place find(std::uint64_t size, std::uint64_t from) {
    if (size > most) return find_large(size, from);
    std::uint64_t leaf = bytes_.find(capped(size), from / 64);
    if (leaf == from / 64 && from % 64 != 0) {
      const policy_place found = find_in_leaf(leaf, size, ~std::uint64_t{0} << from % 64);
      if (found.start != policy_none) return found;
      leaf = bytes_.find(capped(size), leaf + 1);
    }
    return leaf == policy_none ? policy_place{policy_none, 0} : find_in_leaf(leaf, size, ~std::uint64_t{0});
  }

  void prefetch(std::uint64_t start) const { bytes_.prefetch(start / 64); }
  std::uint64_t largest() const {
    const std::uint64_t largest = large_.largest() > last_.size ? large_.largest() : last_.size;
    return largest != 0 ? largest : bytes_.largest();
  }
  std::uint64_t steps() const { return steps_ + bytes_.steps() + large_.steps(); }
  std::size_t bytes() const { return bytes_.bytes() + large_.bytes(); }

 private:
  static constexpr std::uint64_t most = 255;  // that a byte tells
  static constexpr unsigned most_stale = 4;

  static std::uint8_t capped(std::uint64_t size) {
    return static_cast<std::uint8_t>(size < most ? size : most);
  }

  // The free block at the end of the region, which is cut for most requests while that grows, would change the tree each time.
  void add_large(std::uint64_t start, std::uint64_t size) {
    if (start + size != blocks_->end()) return large_.set(start / 64, size);
    if (last_.start != policy_none) large_.set(last_.start / 64, last_.size);
    last_ = {start, size};
  }
  void remove_large(std::uint64_t start) {
    if (start == last_.start)
      last_ = {policy_none, 0};
    else
      large_.set(start / 64, 0);
  }
  // No more than one large block begins in a leaf, the last one of it.
  policy_place find_large(std::uint64_t size, std::uint64_t from) {
    std::uint64_t leaf = large_.find(size, from / 64);
    if (leaf == from / 64 && start_of_last(leaf) < from) leaf = large_.find(size, leaf + 1);
    const std::uint64_t start = leaf == policy_none ? policy_none : start_of_last(leaf);
    if (last_.size >= size && last_.start >= from && last_.start < start) return last_;
    return {start, start == policy_none ? 0 : blocks_->size_of(start)};
  }
  std::uint64_t start_of_last(std::uint64_t leaf) const {
    return leaf * 64 + 63 - static_cast<unsigned>(std::countl_zero(blocks_->start_word(leaf)));
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
  std::uint8_t leaf_max(std::uint64_t leaf) const {
    const std::uint64_t starts = blocks_->start_word(leaf);
    std::uint64_t largest = 0;
    for (std::uint64_t rest = blocks_->free_word(leaf); rest != 0; rest &= rest - 1) {
      const std::uint64_t size = size_in_leaf(leaf, starts, static_cast<unsigned>(std::countr_zero(rest)));
      if (size > largest) largest = size;
    }
    return capped(largest);
  }

  const block_map* blocks_ = nullptr;
  byte_tree bytes_;                       // the size of each leaf's largest free block
  large_tree large_;                      // of those that a byte does not tell, without the last:
  policy_place last_ = {policy_none, 0};  // the one that ended where the region did when it came
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
