// The free blocks by size and, of one size, by address. Not for direct use. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_SIZE_INDEX_HPP
#define LOAM_DETAIL_POLICY_SIZE_INDEX_HPP

#include <loam/detail/policy_blocks.hpp>
#include <loam/detail/policy_key_tree.hpp>
#include <loam/detail/policy_space.hpp>

namespace loam::detail {

// Best fit: the smallest block that is large enough, of several the lowest.
class best_fit_index {
 public:
  void open(const block_map*, std::uint64_t) {}
  bool reserve(table_memory memory, std::uint64_t) {
    memory_ = memory;
    return true;
  }
  void release(table_memory memory) { tree_.release(memory); }
  policy_place find(std::uint64_t units) { return place(tree_.find(key(0, units))); }
  std::uint64_t grow_units(std::uint64_t units) const { return units; }
  void added(std::uint64_t start, std::uint64_t size) {
    // Without memory for a node the block is not found, until it is part of a larger one.
    if (tree_.reserve(memory_)) tree_.insert(key(start, size));
  }
  void removed(std::uint64_t start, std::uint64_t size) { tree_.erase(key(start, size)); }
  void taken(std::uint64_t) {}
  void merged(std::uint64_t, std::uint64_t) {}
  std::uint64_t largest() const { return place(tree_.find_below(policy_none)).size; }
  std::uint64_t steps() const { return tree_.steps(); }
  std::size_t bytes() const { return tree_.bytes(); }

 private:
  static std::uint64_t key(std::uint64_t start, std::uint64_t size) { return size << 32 | start; }
  static policy_place place(std::uint64_t found) {
    if (found == policy_none) return {policy_none, 0};
    return {found & 0xffff'ffff, found >> 32};
  }

  table_memory memory_ = map_table;
  key_tree tree_;
};

// Worst fit: the largest block, of several the lowest.
class worst_fit_index {
 public:
  void open(const block_map*, std::uint64_t) {}
  bool reserve(table_memory memory, std::uint64_t) {
    memory_ = memory;
    return true;
  }
  void release(table_memory memory) { tree_.release(memory); }
  policy_place find(std::uint64_t units) {
    const policy_place found = place(tree_.find(0));
    return found.start == policy_none || found.size < units ? policy_place{policy_none, 0} : found;
  }
  std::uint64_t grow_units(std::uint64_t units) const { return units; }
  void added(std::uint64_t start, std::uint64_t size) {
    if (tree_.reserve(memory_)) tree_.insert(key(start, size));
  }
  void removed(std::uint64_t start, std::uint64_t size) { tree_.erase(key(start, size)); }
  void taken(std::uint64_t) {}
  void merged(std::uint64_t, std::uint64_t) {}
  std::uint64_t largest() { return place(tree_.find(0)).size; }
  std::uint64_t steps() const { return tree_.steps(); }
  std::size_t bytes() const { return tree_.bytes(); }

 private:
  static constexpr std::uint64_t all = 0xffff'ffff;

  static std::uint64_t key(std::uint64_t start, std::uint64_t size) { return (all - size) << 32 | start; }
  static policy_place place(std::uint64_t found) {
    if (found == policy_none) return {policy_none, 0};
    return {found & all, all - (found >> 32)};
  }

  table_memory memory_ = map_table;
  key_tree tree_;
};

}  // namespace loam::detail

#endif
