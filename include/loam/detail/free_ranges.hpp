// Free ranges of addresses or file offsets, in order, neighbours merged. Not for direct use.
// Invariant: no two ranges touch. Locking: the owner's.
#ifndef LOAM_DETAIL_FREE_RANGES_HPP
#define LOAM_DETAIL_FREE_RANGES_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

namespace loam::detail {

class free_ranges {
 public:
  static constexpr std::uintptr_t none = ~std::uintptr_t{0};

  // First fit: the lowest range that holds `bytes` at a multiple of `alignment`; none if there is none. O(ranges).
  std::uintptr_t take(std::size_t bytes, std::size_t alignment) {
    for (auto at = ranges_.begin(); at != ranges_.end(); ++at) {
      const std::uintptr_t start = (at->first + alignment - 1) & ~(std::uintptr_t{alignment} - 1);
      const std::uintptr_t end = at->first + at->second;
      if (start < at->first || start > end || end - start < bytes) continue;
      const std::uintptr_t first = at->first;
      // What is left over is entered before anything is changed: entering may throw.
      if (start + bytes < end) ranges_.emplace(start + bytes, end - start - bytes);
      if (start > first) {
        at->second = start - first;
      } else {
        ranges_.erase(at);
      }
      return start;
    }
    return none;
  }

  // Requires: nothing of the range is in here. Returns the merged range that it is part of now. O(log ranges).
  std::pair<std::uintptr_t, std::size_t> give(std::uintptr_t start, std::size_t bytes) {
    auto next = ranges_.lower_bound(start);
    if (next != ranges_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == start) {
        before->second += bytes;
        return merge(before, next);
      }
    }
    const auto fresh = ranges_.emplace_hint(next, start, bytes);
    return merge(fresh, next);
  }

  // Takes exactly this range out. Requires: give() has returned it.
  void remove(std::uintptr_t start) { ranges_.erase(start); }
  bool empty() const noexcept { return ranges_.empty(); }

 private:
  using map = std::map<std::uintptr_t, std::size_t>;
  std::pair<std::uintptr_t, std::size_t> merge(map::iterator at, map::iterator next) {
    if (next != ranges_.end() && at->first + at->second == next->first) {
      at->second += next->second;
      ranges_.erase(next);
    }
    return *at;
  }
  map ranges_;
};

}  // namespace loam::detail

#endif
