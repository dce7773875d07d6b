// What first fit, next fit, best fit, worst fit and TLSF share: a free block is found by an index, cut to size, and joined with
// its free neighbours as soon as it comes free. Not for direct use.
//
// An index knows the free blocks:
//   reserve(memory, units), find(units), grow_units(units), added(start, size), removed(start, size),
//   taken(end), merged(start, end), settle(), prefetch(start), prefetches_neighbours and if so
//   prefetch_block(start, size), prefetch_find(units), release(memory), steps(), bytes()
// What was added and removed since, it need not know before settle(): a call changes blocks that lie side by side.
// Invariant: no two free blocks touch, and the index holds exactly the free blocks. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_FIT_HPP
#define LOAM_DETAIL_POLICY_FIT_HPP

#include <loam/detail/policy_blocks.hpp>
#include <loam/detail/policy_space.hpp>

namespace loam::detail {

template <class Index>
class fit_policy {
 public:
  // `minimum`: no smaller block, in units.
  void open(policy_space* space, std::uint64_t minimum) {
    space_ = space;
    minimum_ = minimum;
    index_.open(&blocks_, minimum);
  }
  void close() {
    blocks_.release(space_->tables());
    index_.release(space_->tables());
    fences_.release(space_->tables());
    counts_ = {};
  }

  // Returns the start of a block of at least `units`, a multiple of `alignment` (in units), or policy_none.
  std::uint64_t allocate(std::uint64_t units, std::uint64_t alignment) {
    if (units < minimum_) units = minimum_;
    // What is cut off in front must be a block as well.
    const std::uint64_t room = alignment > 1 ? units + alignment + minimum_ : units;
    ++counts_.searches;
    policy_place found = index_.find(room);
    if (found.start == policy_none) {
      if (!grow(index_.grow_units(room))) return policy_none;
      found = index_.find(room);
      if (found.start == policy_none) return policy_none;
    }
    std::uint64_t at = (found.start + alignment - 1) & ~(alignment - 1);
    while (at != found.start && at - found.start < minimum_) at += alignment;
    carve(found, at, units);
    index_.settle();
    return at;
  }

  // Requires: is_live(start).
  void release(std::uint64_t start) {
    std::uint64_t size = blocks_.size_of(start);
    const std::uint64_t end = start + size;
    if (end < blocks_.end() && blocks_.is_free(end)) size += absorb(end);
    if (start > 0) {
      const std::uint64_t before = blocks_.before(start);
      if (blocks_.is_free(before)) {
        ++counts_.merges;
        remove(before, start - before);
        blocks_.remove_start(start);
        size += start - before;
        start = before;
      }
    }
    add(start, size);
    index_.merged(start, start + size);
    if (start + size == blocks_.end() && space_->wants_shrink(size)) shrink(start, size);
    index_.settle();
  }

  // Makes the block's size `units` where it lies, by what is free behind it or by cutting. False: nothing was changed.
  bool resize(std::uint64_t start, std::uint64_t units) {
    if (units < minimum_) units = minimum_;
    std::uint64_t size = blocks_.size_of(start);
    const std::uint64_t end = start + size;
    if (units > size) {
      if (end == blocks_.end() || !blocks_.is_free(end)) return false;
      if (size + blocks_.size_of(end) < units) return false;
      size += absorb(end);
      index_.merged(start, start + size);
    } else if (size - units < minimum_) {
      return true;
    } else if (end < blocks_.end() && blocks_.is_free(end)) {
      size += absorb(end);
      index_.merged(start + units, start + size);
    }
    cut_tail(start, size, units);
    index_.settle();
    return true;
  }

  bool is_live(std::uint64_t unit) const {
    return blocks_.is_live(unit) && (fences_.count() == 0 || !fences_.contains(unit));
  }
  std::uint64_t size_of(std::uint64_t start) const { return blocks_.size_of(start); }
  std::uint64_t end() const { return blocks_.end(); }
  // The block, live or free, that the unit lies in; policy_none in a fence and beyond the end.
  std::uint64_t holding(std::uint64_t unit) const {
    if (unit >= blocks_.end()) return policy_none;
    const std::uint64_t start = blocks_.holding(unit);
    return fences_.count() != 0 && fences_.contains(start) ? policy_none : start;
  }
  void prefetch(std::uint64_t start) const {
    blocks_.prefetch(start);
    index_.prefetch(start);
  }
  // What the block and its free neighbours are known by, and what all of them together will be.
  void prefetch_more([[maybe_unused]] std::uint64_t start) const {
    if constexpr (Index::prefetches_neighbours) prefetch_neighbours(start);
  }
  void prefetch_allocation(std::uint64_t units) const {
    index_.prefetch_find(units < minimum_ ? minimum_ : units);
  }
  std::uint64_t largest_free() { return index_.largest(); }
  std::uint64_t free_units() const { return counts_.free_units; }

  policy_counters counters() const {
    policy_counters counts = counts_;
    counts.steps = index_.steps();
    return counts;
  }
  std::size_t bytes() const { return blocks_.bytes() + index_.bytes(); }

 private:
  void prefetch_neighbours(std::uint64_t start) const {
    if (!blocks_.is_live(start)) return;
    std::uint64_t size = blocks_.size_of(start);
    const std::uint64_t end = start + size;
    if (end < blocks_.end() && blocks_.is_free(end)) {
      const std::uint64_t behind = blocks_.size_of(end);
      index_.prefetch_block(end, behind);
      size += behind;
    }
    const std::uint64_t before = start > 0 ? blocks_.before(start) : start;
    if (before != start && blocks_.is_free(before)) {
      index_.prefetch_block(before, start - before);
      size += start - before;
      start = before;
    }
    index_.prefetch_block(start, size);
  }
  void add(std::uint64_t start, std::uint64_t size) {
    blocks_.set_free(start);
    index_.added(start, size);
    counts_.free_units += size;
    ++counts_.free_blocks;
  }
  void remove(std::uint64_t start, std::uint64_t size) {
    blocks_.set_live(start);
    index_.removed(start, size);
    counts_.free_units -= size;
    --counts_.free_blocks;
  }
  // Takes a free block away, to become part of the one before it. Returns its size.
  std::uint64_t absorb(std::uint64_t start) {
    const std::uint64_t size = blocks_.size_of(start);
    ++counts_.merges;
    remove(start, size);
    blocks_.remove_start(start);
    return size;
  }

  void carve(policy_place found, std::uint64_t at, std::uint64_t units) {
    remove(found.start, found.size);
    if (at != found.start) {
      blocks_.add_start(at);
      add(found.start, at - found.start);
      ++counts_.splits;
    }
    cut_tail(at, found.start + found.size - at, units);
    index_.taken(at + units);
  }
  void cut_tail(std::uint64_t start, std::uint64_t size, std::uint64_t units) {
    if (size - units < minimum_) return;
    blocks_.add_start(start + units);
    add(start + units, size - units);
    ++counts_.splits;
  }

  // Until the last block is free and of at least `units`.
  bool grow(std::uint64_t units) {
    for (;;) {
      const std::uint64_t end = blocks_.end();
      std::uint64_t last = 0;
      if (end > 0) {
        const std::uint64_t start = blocks_.before(end);
        if (blocks_.is_free(start)) last = end - start;
      }
      if (last >= units) return true;
      const policy_space::grown grown = space_->grow(end, units - last);
      if (grown.end == 0 || !take_over(end, grown)) return false;
    }
  }
  bool take_over(std::uint64_t end, policy_space::grown grown) {
    if (!blocks_.extend(space_->tables(), grown.end) || !index_.reserve(space_->tables(), grown.end))
      return false;
    ++counts_.grows;
    blocks_.add_start(end);
    if (grown.start != end) {
      if (!fences_.add(space_->tables(), end)) return false;
      blocks_.add_start(grown.start);
    }
    std::uint64_t start = grown.start;
    if (start == end && end > 0) {
      const std::uint64_t before = blocks_.before(end);
      if (blocks_.is_free(before)) {
        remove(before, end - before);
        blocks_.remove_start(end);
        start = before;
      }
    }
    add(start, grown.end - start);
    index_.merged(start, grown.end);
    index_.settle();
    return true;
  }
  void shrink(std::uint64_t start, std::uint64_t size) {
    const std::uint64_t end = space_->shrink(start + size, start);
    if (end == start + size) return;
    ++counts_.shrinks;
    remove(start, size);
    blocks_.truncate(end);
    if (end != start) add(start, end - start);
  }

  policy_space* space_ = nullptr;
  std::uint64_t minimum_ = 1;
  block_map blocks_;
  fence_list fences_;
  policy_counters counts_;
  Index index_;
};

}  // namespace loam::detail

#endif
