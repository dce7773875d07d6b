// The binary buddy system: blocks of powers of two, each at a multiple of its size, cut into halves on the way to the size wanted
// and joined with their other half as soon as both are free. Not for direct use.
//
// A byte for each unit, outside of the region, tells whether a block begins there, of which order and whether it is free: what a search of
// bits for the next start would tell, in one look. The free blocks of each order are a set (the lowest is taken). Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_BUDDY_HPP
#define LOAM_DETAIL_POLICY_BUDDY_HPP

#include <loam/detail/policy_lowest_set.hpp>
#include <loam/detail/policy_space.hpp>

namespace loam::detail {

class buddy_policy {
 public:
  void open(policy_space* space, std::uint64_t minimum) {
    space_ = space;
    least_ = order_of(minimum);
  }
  void close() {
    tags_.clear(space_->tables());
    for (lowest_set& order : free_) order.release(space_->tables());
    end_ = reserved_ = 0;
    orders_ = 0;
    tail_ = 0;
    counts_ = {};
  }

  std::uint64_t allocate(std::uint64_t units, std::uint64_t alignment) {
    unsigned order = order_of(units > alignment ? units : alignment);
    if (order < least_) order = least_;
    if (order >= max_orders) return policy_none;
    ++counts_.searches;
    unsigned from = first_order(order);
    if (from == max_orders) {
      if (!grow(order)) return policy_none;
      from = first_order(order);
      if (from == max_orders) return policy_none;
    }
    const std::uint64_t start = take_lowest(from);
    tags_[start] = live_tag(order);
    if (from != order) halve(start, from, order);
    return start;
  }

  void release(std::uint64_t start) {
    const unsigned order = tags_[start] & order_bits;
    const std::uint64_t end = start + (std::uint64_t{1} << order);
    put(start, order);
    // Only what lies at the free end of the region can make that longer.
    if (end < tail_) return;
    tail_ = 0;
    if (space_->wants_shrink(counts_.free_units)) shrink();
  }

  // Only downwards, and up within the block's own power of two.
  bool resize(std::uint64_t start, std::uint64_t units) {
    const unsigned order = tags_[start] & order_bits;
    unsigned wanted = order_of(units);
    if (wanted < least_) wanted = least_;
    if (wanted > order) return false;
    tail_ = 0;
    tags_[start] = live_tag(wanted);
    halve(start, order, wanted);
    return true;
  }

  bool is_live(std::uint64_t unit) const { return unit < end_ && (tags_[unit] & kind_bits) == live; }
  // Requires: a block starts there.
  std::uint64_t size_of(std::uint64_t start) const { return std::uint64_t{1} << (tags_[start] & order_bits); }
  std::uint64_t end() const { return end_; }
  // The block, live or free, that the unit lies in; policy_none in a fence and beyond the end.
  std::uint64_t holding(std::uint64_t unit) const {
    if (unit >= end_) return policy_none;
    for (unsigned order = 0; order < max_orders; ++order) {
      const std::uint64_t start = unit >> order << order;
      const std::uint8_t tag = tags_[start];
      if (tag == live_tag(order) || tag == free_tag(order)) return start;
    }
    return policy_none;
  }
  std::uint64_t largest_free() const {
    return orders_ == 0 ? 0 : std::uint64_t{1} << (63 - static_cast<unsigned>(std::countl_zero(orders_)));
  }
  void prefetch(std::uint64_t start) const {
    if (start < end_) ask_for(&tags_[start]);
  }
  void prefetch_more(std::uint64_t start) const {
    if (start >= end_) return;
    const unsigned order = tags_[start] & order_bits;
    free_[order].prefetch(start >> order);
  }
  // The lowest of each order has been asked for already.
  void prefetch_allocation(std::uint64_t) const {}
  std::uint64_t free_units() const { return counts_.free_units; }
  policy_counters counters() const { return counts_; }
  std::size_t bytes() const {
    std::size_t sum = tags_.bytes();
    for (const lowest_set& order : free_) sum += order.bytes();
    return sum;
  }

 private:
  static constexpr unsigned max_orders = 32;
  // The bits of a tag; 0 where no block begins.
  static constexpr std::uint8_t order_bits = 31, kind_bits = 0xe0, live = 0x20, free = 0x40;
  // A place that is no block of the policy's: somebody else's, or too small.
  static constexpr std::uint8_t fence = 0x80;

  static std::uint8_t live_tag(unsigned order) { return static_cast<std::uint8_t>(live | order); }
  static std::uint8_t free_tag(unsigned order) { return static_cast<std::uint8_t>(free | order); }
  static unsigned order_of(std::uint64_t units) { return static_cast<unsigned>(std::bit_width(units - 1)); }

  // The least order from this on that has a free block, or max_orders.
  unsigned first_order(unsigned order) {
    ++counts_.steps;
    const std::uint64_t rest = orders_ >> order;
    return rest == 0 ? max_orders : order + static_cast<unsigned>(std::countr_zero(rest));
  }
  void add(std::uint64_t start, unsigned order) {
    tags_[start] = free_tag(order);
    free_[order].add(start >> order);
    orders_ |= std::uint64_t{1} << order;
    counts_.free_units += std::uint64_t{1} << order;
    ++counts_.free_blocks;
  }
  // What begins there then the caller says.
  std::uint64_t take_lowest(unsigned order) {
    const std::uint64_t start = free_[order].lowest() << order;
    free_[order].remove_lowest();
    count_removed(order);
    prefetch(free_[order].lowest() << order);
    return start;
  }
  void remove(std::uint64_t start, unsigned order) {
    free_[order].remove(start >> order);
    count_removed(order);
  }
  void count_removed(unsigned order) {
    orders_ &= ~(std::uint64_t{free_[order].empty()} << order);
    counts_.free_units -= std::uint64_t{1} << order;
    --counts_.free_blocks;
  }
  // Gives free what a block of order `from` has beyond one of order `to`.
  void halve(std::uint64_t start, unsigned from, unsigned to) {
    while (from > to) {
      --from;
      add(start + (std::uint64_t{1} << from), from);
      ++counts_.splits;
    }
  }
  // Adds a block, joined with its buddy as long as that is free.
  void put(std::uint64_t start, unsigned order) {
    for (; order + 1 < max_orders; ++order) {
      const std::uint64_t buddy = start ^ std::uint64_t{1} << order;
      if (buddy >= end_ || tags_[buddy] != free_tag(order)) break;
      remove(buddy, order);
      tags_[start > buddy ? start : buddy] = 0;
      if (buddy < start) start = buddy;
      ++counts_.merges;
    }
    add(start, order);
  }
  // Adds [start, end) in the largest blocks that have their places there. What is smaller than the smallest is lost.
  void put_range(std::uint64_t start, std::uint64_t end) {
    while (start < end) {
      auto order = static_cast<unsigned>(std::bit_width(end - start)) - 1;
      if (start != 0 && order > static_cast<unsigned>(std::countr_zero(start)))
        order = static_cast<unsigned>(std::countr_zero(start));
      if (order >= max_orders) order = max_orders - 1;
      if (order < least_) {
        tags_[start] = fence;
      } else {
        put(start, order);
      }
      start += std::uint64_t{1} << order;
    }
  }
  // Where the free blocks at the end of the region begin.
  std::uint64_t free_tail() {
    std::uint64_t tail = end_;
    while (tail > 0) {
      const std::uint64_t before = holding(tail - 1);
      if (before == policy_none || (tags_[before] & kind_bits) != free) break;
      tail = before;
    }
    tail_ = tail;
    return tail;
  }

  // Until a block of this order has its place at the end of the region.
  bool grow(unsigned order) {
    const std::uint64_t size = std::uint64_t{1} << order;
    for (int attempt = 0; attempt < 64 && first_order(order) == max_orders; ++attempt) {
      const std::uint64_t end = end_;
      const std::uint64_t place = (free_tail() + size - 1) & ~(size - 1);
      const policy_space::grown grown = space_->grow(end, place + size - end);
      if (grown.end == 0 || !reserve(grown.end)) return false;
      ++counts_.grows;
      tail_ = 0;
      if (grown.start != end) tags_[end] = fence;
      end_ = grown.end;
      put_range(grown.start, grown.end);
    }
    return first_order(order) != max_orders;
  }
  // For more than is needed now: a region grows in small steps, and there are many tables.
  bool reserve(std::uint64_t end) {
    if (!tags_.reserve(space_->tables(), end)) return false;
    if (end <= reserved_) return true;
    const std::uint64_t ahead = end + end / 4;
    const unsigned depth = lowest_set::depth_for((ahead >> least_) + 1);
    for (unsigned i = least_; i < max_orders; ++i) {
      if (!free_[i].reserve(space_->tables(), (ahead >> i) + 1, depth)) return false;
    }
    reserved_ = ahead;
    return true;
  }
  void shrink() {
    const std::uint64_t tail = free_tail();
    if (!space_->wants_shrink(end_ - tail)) return;
    const std::uint64_t new_end = space_->shrink(end_, tail);
    if (new_end == end_) return;
    ++counts_.shrinks;
    for (std::uint64_t at = tail; at < end_;) {
      const unsigned order = tags_[at] & order_bits;
      remove(at, order);
      tags_[at] = 0;
      at += std::uint64_t{1} << order;
    }
    end_ = new_end;
    put_range(tail, new_end);
  }

  policy_space* space_ = nullptr;
  unsigned least_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t reserved_ = 0;        // units that the sets have room for
  growing_table<std::uint8_t> tags_;  // by unit
  lowest_set free_[max_orders];
  // No free block that ends at or above, but for those at the end of the region, where they may begin higher up by now. What is
  // freed below does not lengthen that end.
  std::uint64_t tail_ = 0;
  std::uint64_t orders_ = 0;  // those with a free block
  policy_counters counts_;
};

}  // namespace loam::detail

#endif
