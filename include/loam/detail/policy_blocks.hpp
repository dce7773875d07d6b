// Where blocks begin and which are free: two bits for each unit of a region, outside of it. Not for direct use.
//
// This stands for the boundary tags of the textbooks: the size of a block is the distance to the next start, and the block before
// is the last start below. Nothing lies in the region itself, so that the same code places blocks in real memory and in
// addresses without any, and an address that is no start of a live block is told from one that is.
// Invariant: the blocks lie side by side from 0 to end(), where a start without a block stands. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_BLOCKS_HPP
#define LOAM_DETAIL_POLICY_BLOCKS_HPP

#include <loam/detail/policy_bits.hpp>

namespace loam::detail {

class block_map {
 public:
  // Moves the end up; the caller makes blocks of what is new. False: out of memory, nothing was changed.
  bool extend(table_memory memory, std::uint64_t end) {
    if (!starts_.reserve(memory, end + 1)) return false;
    starts_.set(end);
    end_ = end;
    return true;
  }
  // Moves the end down. Requires: `end` is a start, and no block begins above.
  void truncate(std::uint64_t end) {
    starts_.clear(end_);
    starts_.set(end);
    end_ = end;
  }
  void release(table_memory memory) {
    starts_.release(memory);
    end_ = 0;
  }

  bool is_start(std::uint64_t unit) const { return unit < end_ && starts_.test(unit); }
  bool is_free(std::uint64_t start) const { return (starts_.beside(start / 64) >> start % 64 & 1) != 0; }
  bool is_live(std::uint64_t unit) const { return is_start(unit) && !is_free(unit); }
  // Requires: is_start(start).
  std::uint64_t size_of(std::uint64_t start) const { return starts_.next(start + 1) - start; }
  // The block before the one that begins at `start`, or policy_none.
  std::uint64_t before(std::uint64_t start) const { return starts_.previous(start); }
  // The block that the unit lies in. Requires: unit < end().
  std::uint64_t holding(std::uint64_t unit) const { return starts_.previous(unit + 1); }

  void add_start(std::uint64_t unit) { starts_.set(unit); }
  void remove_start(std::uint64_t unit) { starts_.clear(unit); }
  void set_free(std::uint64_t start) { starts_.beside(start / 64) |= std::uint64_t{1} << start % 64; }
  void set_live(std::uint64_t start) { starts_.beside(start / 64) &= ~(std::uint64_t{1} << start % 64); }

  // Bits of 64 units at a time: which are starts, which of those are free.
  std::uint64_t start_word(std::uint64_t at) const { return starts_.word(at); }
  std::uint64_t start_word_or_none(std::uint64_t at) const { return at * 64 > end_ ? 0 : starts_.word(at); }
  std::uint64_t free_word(std::uint64_t at) const { return starts_.beside(at); }
  void prefetch(std::uint64_t unit) const { starts_.prefetch(unit); }
  std::uint64_t end() const { return end_; }
  std::size_t bytes() const { return starts_.bytes(); }

 private:
  // Beside each word of starts that of which are free: most calls need both, and a region has more of them than a cache holds.
  strided_summary_bits<2> starts_;
  std::uint64_t end_ = 0;
};

}  // namespace loam::detail

#endif
