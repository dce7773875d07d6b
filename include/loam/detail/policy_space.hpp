// What the policies have in common: how a region grows and shrinks, what is counted. Not for direct use.
#ifndef LOAM_DETAIL_POLICY_SPACE_HPP
#define LOAM_DETAIL_POLICY_SPACE_HPP

#include <loam/detail/policy_bits.hpp>

namespace loam::detail {

// Where a region's memory comes from. Addresses are numbers: there may be no memory behind them.
struct page_source {
  void* self = nullptr;
  // At least `bytes` more at `end`, or above where something else lies there. Returns where they start, or 0.
  std::uint64_t (*extend)(void* self, std::uint64_t end, std::uint64_t bytes) = nullptr;
  // Gives [from, end) back. Returns whether it did.
  bool (*shrink)(void* self, std::uint64_t end, std::uint64_t from) = nullptr;
};

struct policy_settings {
  std::size_t alignment = 16;                         // of each block: the unit; a power of two
  std::size_t header = 0;                             // bytes in front of each block that it takes for itself
  std::size_t minimum = 16;                           // smallest block, header included
  std::size_t grow_step = std::size_t{64} << 10;      // a power of two, whole pages
  std::size_t shrink_above = std::size_t{128} << 10;  // free bytes at the end of the region, 0: never shrinks
};

struct policy_counters {
  std::uint64_t searches = 0;
  std::uint64_t steps = 0;  // places looked at in searches: blocks, or nodes above them
  std::uint64_t splits = 0;
  std::uint64_t merges = 0;
  std::uint64_t grows = 0;
  std::uint64_t shrinks = 0;
  std::uint64_t free_units = 0;
  std::uint64_t free_blocks = 0;
};

// The region as units from its base, and the memory behind it.
class policy_space {
 public:
  // Requires: base + header is a multiple of the unit, mapped_end the source's first address.
  constexpr policy_space() = default;
  void open(page_source source, table_memory memory, std::uint64_t base, std::uint64_t unit,
            std::uint64_t start, std::uint64_t step, std::uint64_t shrink_above) {
    source_ = source;
    tables_ = memory;
    base_ = base;
    unit_ = unit;
    mapped_end_ = start;
    step_ = step;
    shrink_bytes_ = shrink_above;
  }
  // The same region, not grown yet, in other units.
  policy_space in_units(std::uint64_t unit) const {
    policy_space other = *this;
    other.unit_ = unit;
    return other;
  }

  struct grown {
    std::uint64_t start;  // above the old end where something else lies there
    std::uint64_t end;    // 0: no memory
  };
  // Memory for `units` more from `end` on.
  grown grow(std::uint64_t end, std::uint64_t units) {
    const std::uint64_t wanted = base_ + (end + units) * unit_;
    if (units > max_units || end + units > max_units) return {0, 0};
    const std::uint64_t bytes = (wanted - mapped_end_ + step_ - 1) & ~(step_ - 1);
    const std::uint64_t at = source_.extend(source_.self, mapped_end_, bytes);
    if (at == 0) return {0, 0};
    const bool apart = at != mapped_end_;
    mapped_end_ = at + bytes;
    const std::uint64_t new_end = (mapped_end_ - base_) / unit_;
    const std::uint64_t start = apart ? (at - base_ + unit_ - 1) / unit_ : end;
    return new_end > max_units ? grown{0, 0} : grown{start, new_end};
  }
  // Gives back what it can of [from, end). Returns the new end.
  std::uint64_t shrink(std::uint64_t end, std::uint64_t from) {
    constexpr std::uint64_t page = 4096;
    const std::uint64_t cut = (base_ + from * unit_ + page - 1) & ~(page - 1);
    if (source_.shrink == nullptr || cut >= mapped_end_ || !source_.shrink(source_.self, mapped_end_, cut))
      return end;
    mapped_end_ = cut;
    return (cut - base_) / unit_;
  }
  bool wants_shrink(std::uint64_t units) const {
    return shrink_bytes_ != 0 && units * unit_ >= shrink_bytes_;
  }

  table_memory tables() const { return tables_; }
  std::uint64_t base() const { return base_; }
  std::uint64_t unit() const { return unit_; }
  std::uint64_t mapped_end() const { return mapped_end_; }

 private:
  // So that a unit's number fits into 32 bits.
  static constexpr std::uint64_t max_units = (std::uint64_t{1} << 32) - 64;

  page_source source_;
  table_memory tables_ = nullptr;
  std::uint64_t base_ = 0;
  std::uint64_t unit_ = 16;
  std::uint64_t mapped_end_ = 0;
  std::uint64_t step_ = 1;
  std::uint64_t shrink_bytes_ = 0;
};

// Places in a region that are somebody else's: blocks that never come free.
class fence_list {
 public:
  bool add(table_memory memory, std::uint64_t start) {
    if (!starts_.reserve(memory, count_ + 1)) return false;
    starts_[count_++] = start;
    return true;
  }
  bool contains(std::uint64_t start) const {
    for (std::uint64_t i = 0; i < count_; ++i) {
      if (starts_[i] == start) return true;
    }
    return false;
  }
  std::uint64_t count() const { return count_; }
  void release(table_memory memory) {
    starts_.clear(memory);
    count_ = 0;
  }

 private:
  growing_table<std::uint64_t> starts_;
  std::uint64_t count_ = 0;
};

struct policy_place {
  std::uint64_t start;  // policy_none: there is none
  std::uint64_t size;
};

}  // namespace loam::detail

#endif
