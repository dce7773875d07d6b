// The binary buddy system: blocks of powers of two, each at a multiple of its size, cut into halves on the way to the size wanted
// and joined with their other half as soon as both are free. Not for direct use.
//
// The free blocks of each order are a set of bits (the lowest is taken). Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_BUDDY_HPP
#define LOAM_DETAIL_POLICY_BUDDY_HPP

#include <loam/detail/policy_blocks.hpp>
#include <loam/detail/policy_space.hpp>

namespace loam::detail {

class buddy_policy {
 public:
  void open(policy_space* space, std::uint64_t minimum) {
    space_ = space;
    least_ = order_of(minimum);
  }
  void close() {
    blocks_.release(space_->tables());
    fences_.release(space_->tables());
    for (summary_bits& order : free_) order.release(space_->tables());
    orders_ = 0;
    tail_ = 0;
    for (std::uint64_t& from : from_) from = 0;
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
    const std::uint64_t start = lowest(from) << from;
    remove(start, from);
    for (; from > order; --from) {
      const std::uint64_t half = start + (std::uint64_t{1} << (from - 1));
      blocks_.add_start(half);
      add(half, from - 1);
      ++counts_.splits;
    }
    return start;
  }

  void release(std::uint64_t start) {
    const std::uint64_t end = start + blocks_.size_of(start);
    put(start, order_of(end - start));
    // Only what lies at the free end of the region can make that longer.
    if (end < tail_) return;
    tail_ = 0;
    if (space_->wants_shrink(counts_.free_units)) shrink();
  }

  // Only downwards, and up within the block's own power of two.
  bool resize(std::uint64_t start, std::uint64_t units) {
    unsigned order = order_of(blocks_.size_of(start));
    unsigned wanted = order_of(units);
    if (wanted < least_) wanted = least_;
    if (wanted > order) return false;
    tail_ = 0;
    while (order > wanted) {
      --order;
      const std::uint64_t half = start + (std::uint64_t{1} << order);
      blocks_.add_start(half);
      add(half, order);
      ++counts_.splits;
    }
    return true;
  }

  bool is_live(std::uint64_t unit) const {
    return blocks_.is_live(unit) && (fences_.count() == 0 || !fences_.contains(unit));
  }
  std::uint64_t size_of(std::uint64_t start) const { return blocks_.size_of(start); }
  std::uint64_t end() const { return blocks_.end(); }
  std::uint64_t holding(std::uint64_t unit) const {
    if (unit >= blocks_.end()) return policy_none;
    const std::uint64_t start = blocks_.holding(unit);
    return fences_.count() != 0 && fences_.contains(start) ? policy_none : start;
  }
  std::uint64_t largest_free() const {
    return orders_ == 0 ? 0 : std::uint64_t{1} << (63 - static_cast<unsigned>(std::countl_zero(orders_)));
  }
  void prefetch(std::uint64_t start) const { blocks_.prefetch(start); }
  void prefetch_more(std::uint64_t start) const {
    if (!blocks_.is_start(start)) return;
    const unsigned order = order_of(blocks_.size_of(start));
    free_[order].prefetch(start >> order);
  }
  void prefetch_allocation(std::uint64_t units) const {
    const unsigned order = order_of(units);
    const std::uint64_t rest = order < max_orders ? orders_ >> order : 0;
    if (rest == 0) return;
    const unsigned from = order + static_cast<unsigned>(std::countr_zero(rest));
    free_[from].prefetch(from_[from]);
    blocks_.prefetch(from_[from] << from);
  }
  std::uint64_t free_units() const { return counts_.free_units; }
  policy_counters counters() const { return counts_; }
  std::size_t bytes() const {
    std::size_t sum = blocks_.bytes();
    for (const summary_bits& order : free_) sum += order.bytes();
    return sum;
  }

 private:
  static constexpr unsigned max_orders = 32;

  static unsigned order_of(std::uint64_t units) { return static_cast<unsigned>(std::bit_width(units - 1)); }

  // The least order from this on that has a free block, or max_orders.
  unsigned first_order(unsigned order) {
    ++counts_.steps;
    const std::uint64_t rest = orders_ >> order;
    return rest == 0 ? max_orders : order + static_cast<unsigned>(std::countr_zero(rest));
  }
  // The lowest free block of an order that has one; the search begins where none is below.
  std::uint64_t lowest(unsigned order) {
    const std::uint64_t found = free_[order].next(from_[order]);
    from_[order] = found;
    return found;
  }
  void add(std::uint64_t start, unsigned order) {
    blocks_.set_free(start);
    free_[order].set(start >> order);
    if (start >> order < from_[order]) from_[order] = start >> order;
    orders_ |= std::uint64_t{1} << order;
    ++in_order_[order];
    counts_.free_units += std::uint64_t{1} << order;
    ++counts_.free_blocks;
  }
  void remove(std::uint64_t start, unsigned order) {
    blocks_.set_live(start);
    free_[order].clear(start >> order);
    if (--in_order_[order] == 0) orders_ &= ~(std::uint64_t{1} << order);
    counts_.free_units -= std::uint64_t{1} << order;
    --counts_.free_blocks;
  }
  // Adds a block, joined with its buddy as long as that is free.
  void put(std::uint64_t start, unsigned order) {
    for (; order + 1 < max_orders; ++order) {
      const std::uint64_t buddy = start ^ std::uint64_t{1} << order;
      if (!free_[order].test(buddy >> order)) break;
      remove(buddy, order);
      blocks_.remove_start(start > buddy ? start : buddy);
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
      blocks_.add_start(start);
      const std::uint64_t next = start + (std::uint64_t{1} << order);
      blocks_.add_start(next);
      if (order < least_) {
        fences_.add(space_->tables(), start);
      } else {
        put(start, order);
      }
      start = next;
    }
  }
  // Where the free blocks at the end of the region begin.
  std::uint64_t free_tail() {
    std::uint64_t tail = blocks_.end();
    while (tail > 0) {
      const std::uint64_t before = blocks_.before(tail);
      if (!blocks_.is_free(before)) break;
      tail = before;
    }
    tail_ = tail;
    return tail;
  }

  // Until a block of this order has its place at the end of the region.
  bool grow(unsigned order) {
    const std::uint64_t size = std::uint64_t{1} << order;
    for (int attempt = 0; attempt < 64 && first_order(order) == max_orders; ++attempt) {
      const std::uint64_t end = blocks_.end();
      const std::uint64_t place = (free_tail() + size - 1) & ~(size - 1);
      const policy_space::grown grown = space_->grow(end, place + size - end);
      if (grown.end == 0) return false;
      if (!blocks_.extend(space_->tables(), grown.end)) return false;
      for (unsigned i = least_; i < max_orders; ++i) {
        if (!free_[i].reserve(space_->tables(), (grown.end >> i) + 1)) return false;
      }
      ++counts_.grows;
      tail_ = 0;
      blocks_.add_start(end);
      if (grown.start != end && !fences_.add(space_->tables(), end)) return false;
      put_range(grown.start, grown.end);
    }
    return first_order(order) != max_orders;
  }
  void shrink() {
    const std::uint64_t end = blocks_.end();
    const std::uint64_t tail = free_tail();
    if (!space_->wants_shrink(end - tail)) return;
    const std::uint64_t new_end = space_->shrink(end, tail);
    if (new_end == end) return;
    ++counts_.shrinks;
    for (std::uint64_t at = tail; at < end;) {
      const std::uint64_t size = blocks_.size_of(at);
      remove(at, order_of(size));
      if (at > tail) blocks_.remove_start(at);
      at += size;
    }
    if (new_end > tail) blocks_.add_start(new_end);
    blocks_.truncate(new_end);
    put_range(tail, new_end);
  }

  policy_space* space_ = nullptr;
  unsigned least_ = 0;
  block_map blocks_;
  fence_list fences_;
  summary_bits free_[max_orders];
  std::uint64_t from_[max_orders] = {};  // no free block of the order is below
  // No free block that ends at or above, but for those at the end of the region, where they may begin higher up by now. What is
  // freed below does not lengthen that end.
  std::uint64_t tail_ = 0;
  std::uint64_t orders_ = 0;  // those with a free block
  std::uint64_t in_order_[max_orders] = {};
  policy_counters counts_;
};

}  // namespace loam::detail

#endif
