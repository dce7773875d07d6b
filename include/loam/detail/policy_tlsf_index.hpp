// TLSF, two-level segregated fit: free blocks in lists by the power of two of their size and 32 parts of it; a request is rounded
// up to the next part, so that the first block of any list that is not empty will do. Not for direct use.
//
// The lists are linked through a table beside the region, two words for each smallest block. Every call takes constant time.
// Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_TLSF_INDEX_HPP
#define LOAM_DETAIL_POLICY_TLSF_INDEX_HPP

#include <loam/detail/policy_blocks.hpp>
#include <loam/detail/policy_space.hpp>

namespace loam::detail {

class tlsf_index {
 public:
  void open(const block_map* blocks, std::uint64_t minimum) {
    blocks_ = blocks;
    // Starts are at least a smallest block apart, so that each has links of its own.
    shift_ = static_cast<unsigned>(std::bit_width(minimum)) - 1;
  }
  bool reserve(table_memory memory, std::uint64_t units) {
    return links_.reserve(memory, (units >> shift_) + 1) && heads_.reserve(memory, parts * rows);
  }
  void release(table_memory memory) {
    links_.clear(memory);
    heads_.clear(memory);
    row_bits_ = 0;
    for (std::uint32_t& bits : part_bits_) bits = 0;
  }

  policy_place find(std::uint64_t units) {
    ++steps_;
    const std::uint64_t rounded = units + slack(units);
    unsigned row = row_of(rounded);
    if (row >= rows) return {policy_none, 0};
    std::uint32_t bits = part_bits_[row] & (~std::uint32_t{0} << part_of(rounded, row));
    if (bits == 0) {
      const std::uint32_t above = row + 1 < 32 ? row_bits_ & (~std::uint32_t{0} << (row + 1)) : 0;
      if (above == 0) return {policy_none, 0};
      row = static_cast<unsigned>(std::countr_zero(above));
      bits = part_bits_[row];
    }
    const std::uint32_t start = heads_[row * parts + static_cast<unsigned>(std::countr_zero(bits))] - 1;
    return {start, blocks_->size_of(start)};
  }
  // The least size whose list this request would look into.
  std::uint64_t grow_units(std::uint64_t units) const {
    const std::uint64_t rounded = units + slack(units);
    return units < parts ? units : rounded & ~slack(rounded);
  }

  void added(std::uint64_t start, std::uint64_t size) {
    const unsigned row = row_of(size);
    const unsigned part = part_of(size, row);
    std::uint32_t& head = heads_[row * parts + part];
    links& mine = links_[start >> shift_];
    mine = {head, 0};
    const auto name = static_cast<std::uint32_t>(start + 1);
    if (head != 0) links_[(head - 1) >> shift_].before = name;
    head = name;
    row_bits_ |= std::uint32_t{1} << row;
    part_bits_[row] |= std::uint32_t{1} << part;
  }
  void removed(std::uint64_t start, std::uint64_t size) {
    const links mine = links_[start >> shift_];
    if (mine.next != 0) links_[(mine.next - 1) >> shift_].before = mine.before;
    if (mine.before != 0) {
      links_[(mine.before - 1) >> shift_].next = mine.next;
      return;
    }
    const unsigned row = row_of(size);
    const unsigned part = part_of(size, row);
    heads_[row * parts + part] = mine.next;
    if (mine.next != 0) return;
    part_bits_[row] &= ~(std::uint32_t{1} << part);
    if (part_bits_[row] == 0) row_bits_ &= ~(std::uint32_t{1} << row);
  }
  void taken(std::uint64_t) {}
  void merged(std::uint64_t, std::uint64_t) {}
  void settle() {}
  void prefetch(std::uint64_t start) const {
    if (start >> shift_ < links_.size()) ask_for(&links_[start >> shift_]);
  }
  static constexpr bool prefetches_neighbours = true;
  void prefetch_block(std::uint64_t start, std::uint64_t) const {
    const links mine = links_[start >> shift_];
    if (mine.next != 0) prefetch(mine.next - 1);
    if (mine.before != 0) prefetch(mine.before - 1);
  }
  void prefetch_find(std::uint64_t units) const {
    const unsigned row = row_of(units + slack(units));
    if (row >= rows || part_bits_[row] == 0) return;
    const std::uint64_t head = heads_[row * parts + part_of(units + slack(units), row)];
    if (head == 0) return;
    prefetch(head - 1);
    blocks_->prefetch(head - 1);
  }

  // The longest of the highest list that is not empty.
  std::uint64_t largest() const {
    if (row_bits_ == 0) return 0;
    const auto row = 31 - static_cast<unsigned>(std::countl_zero(row_bits_));
    const auto part = 31 - static_cast<unsigned>(std::countl_zero(part_bits_[row]));
    std::uint64_t found = 0;
    for (std::uint32_t at = heads_[row * parts + part]; at != 0; at = links_[(at - 1) >> shift_].next) {
      const std::uint64_t size = blocks_->size_of(at - 1);
      if (size > found) found = size;
    }
    return found;
  }
  std::uint64_t steps() const { return steps_; }
  std::size_t bytes() const { return links_.bytes() + heads_.bytes(); }

 private:
  static constexpr unsigned log_parts = 5;
  static constexpr unsigned parts = 1u << log_parts;
  static constexpr unsigned rows = 28;  // sizes of 32 bits

  struct links {
    std::uint32_t next;  // start + 1, 0: none
    std::uint32_t before;
  };

  static unsigned log_of(std::uint64_t size) { return static_cast<unsigned>(std::bit_width(size)) - 1; }
  static unsigned row_of(std::uint64_t size) { return size < parts ? 0 : log_of(size) - log_parts + 1; }
  static unsigned part_of(std::uint64_t size, unsigned row) {
    return static_cast<unsigned>(row == 0 ? size : (size >> (row - 1)) & (parts - 1));
  }
  // What a part of this size's row spans beyond its least size.
  static std::uint64_t slack(std::uint64_t size) {
    return size < parts ? 0 : (std::uint64_t{1} << (log_of(size) - log_parts)) - 1;
  }

  const block_map* blocks_ = nullptr;
  unsigned shift_ = 0;
  growing_table<links> links_;
  growing_table<std::uint32_t> heads_;
  std::uint32_t row_bits_ = 0;
  std::uint32_t part_bits_[rows] = {};
  std::uint64_t steps_ = 0;
};

}  // namespace loam::detail

#endif
