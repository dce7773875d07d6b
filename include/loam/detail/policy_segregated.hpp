// Segregated storage: sizes are rounded up to classes, four a doubling; each class has runs of pages of its own, cut into blocks of
// its size and nothing else, and the lowest free one is taken. Runs, and blocks too large for a class, are placed first fit; a run
// whose blocks are all free goes back there and is joined with its neighbours. Not for direct use.
//
// Invariant: a run with both live and free blocks is in its class's `available`, no other is. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_SEGREGATED_HPP
#define LOAM_DETAIL_POLICY_SEGREGATED_HPP

#include <loam/detail/policy_address_index.hpp>
#include <loam/detail/policy_fit.hpp>
#include <loam/detail/policy_lowest_set.hpp>

namespace loam::detail {

// The classes of sizes in units: 1 to 8, then four a doubling.
struct size_classes {
  static constexpr unsigned count = 32;
  static constexpr std::uint64_t largest = 512;

  static unsigned index_of(std::uint64_t units) {
    if (units <= 8) return static_cast<unsigned>(units) - 1;
    const auto exponent = static_cast<unsigned>(std::bit_width(units - 1)) - 1;
    return 8 + (exponent - 3) * 4 + (static_cast<unsigned>((units - 1) >> (exponent - 2)) & 3);
  }
  static std::uint64_t units_of(unsigned index) {
    return index < 8 ? index + 1 : std::uint64_t{(index - 8) % 4 + 5} << ((index - 8) / 4 + 1);
  }
};

class segregated_policy {
 public:
  void open(policy_space* space, std::uint64_t minimum) {
    pages_space_ = space->in_units(page_bytes);
    log_page_units_ = static_cast<unsigned>(std::countr_zero(page_bytes / space->unit()));
    page_units_ = std::uint64_t{1} << log_page_units_;
    minimum_ = minimum;
    pages_.open(&pages_space_, 1);
    for (std::uint64_t units = 1; units <= size_classes::largest; ++units)
      index_of_[units] = static_cast<std::uint8_t>(size_classes::index_of(units));
    for (unsigned i = 0; i < size_classes::count; ++i) {
      shape& of = shapes_[i];
      of.units = static_cast<std::uint32_t>(size_classes::units_of(i));
      // A run has at least eight blocks, so that what is left over at its end is less than an eighth.
      for (of.pages = 1; of.pages * page_units_ < 8 * of.units; of.pages *= 2) continue;
      of.blocks = static_cast<std::uint32_t>(of.pages * page_units_ / of.units);
      if (of.blocks > max_blocks) of.blocks = max_blocks;
      of.reciprocal = static_cast<std::uint32_t>((std::uint64_t{1} << 32) / of.units + (of.units > 1));
    }
  }
  void close() {
    const table_memory memory = pages_space_.tables();
    pages_.close();
    runs_.clear(memory);
    run_of_page_.clear(memory);
    for (lowest_set& of : available_) of.release(memory);
    available_pages_ = 0;
    unused_ = 0;
    used_ = 1;
    free_units_ = free_blocks_ = searches_ = 0;
  }

  std::uint64_t allocate(std::uint64_t units, std::uint64_t alignment) {
    if (units < minimum_) units = minimum_;
    ++searches_;
    if (alignment > 1) return allocate_aligned(units, alignment);
    return units > size_classes::largest ? allocate_pages(units, 1) : allocate_small(index_of_[units]);
  }

  void release(std::uint64_t start) {
    const std::uint64_t page = start >> log_page_units_;
    const std::uint32_t name = run_at(page);
    if (name == 0) return pages_.release(page);
    run& of = runs_[name];
    const shape& shape_of = shapes_[of.index];
    const std::uint64_t block = block_in(of, shape_of, start);
    of.free[block / 64] |= std::uint64_t{1} << block % 64;
    free_units_ += shape_of.units;
    ++free_blocks_;
    if (of.free_count++ == 0) available_[of.index].add(of.page);
    if (of.free_count == shape_of.blocks) remove_run(name);
  }

  bool resize(std::uint64_t start, std::uint64_t units) {
    if (units < minimum_) units = minimum_;
    const std::uint64_t page = start >> log_page_units_;
    const std::uint32_t name = run_at(page);
    if (name != 0)
      return units <= size_classes::largest && size_classes::index_of(units) == runs_[name].index;
    return units > size_classes::largest && pages_.resize(page, (units + page_units_ - 1) / page_units_);
  }

  bool is_live(std::uint64_t unit) const {
    const std::uint64_t page = unit >> log_page_units_;
    if (page >= pages_.end()) return false;
    const std::uint32_t name = run_at(page);
    if (name == 0) return unit % page_units_ == 0 && pages_.is_live(page);
    const run& of = runs_[name];
    const std::uint64_t block = block_in(of, shapes_[of.index], unit);
    return start_in(of, block) == unit && block < shapes_[of.index].blocks &&
           (of.free[block / 64] >> block % 64 & 1) == 0;
  }
  std::uint64_t size_of(std::uint64_t start) const {
    const std::uint32_t name = run_at(start >> log_page_units_);
    return name == 0 ? pages_.size_of(start >> log_page_units_) << log_page_units_
                     : shapes_[runs_[name].index].units;
  }
  std::uint64_t end() const { return pages_.end() * page_units_; }
  std::uint64_t holding(std::uint64_t unit) const {
    const std::uint64_t page = unit >> log_page_units_;
    if (page >= pages_.end()) return policy_none;
    const std::uint32_t name = run_at(page);
    if (name == 0) {
      const std::uint64_t start = pages_.holding(page);
      return start == policy_none ? policy_none : start * page_units_;
    }
    const run& of = runs_[name];
    const std::uint64_t block = block_in(of, shapes_[of.index], unit);
    return block < shapes_[of.index].blocks ? start_in(of, block) : policy_none;
  }
  void prefetch(std::uint64_t start) const {
    const std::uint64_t page = start >> log_page_units_;
    if (page < pages_.end()) ask_for(&run_of_page_[page]);
  }
  void prefetch_more(std::uint64_t start) const {
    const std::uint64_t page = start >> log_page_units_;
    if (page < pages_.end()) ask_for(&runs_[run_of_page_[page]]);
  }
  void prefetch_allocation(std::uint64_t units) const {
    if (units > size_classes::largest) return;
    const std::uint64_t page = available_[index_of_[units]].lowest();
    if (page != policy_none) ask_for(&runs_[run_of_page_[page]]);
  }
  std::uint64_t largest_free() { return pages_.largest_free() * page_units_; }

  std::uint64_t free_units() const { return pages_.free_units() * page_units_ + free_units_; }
  policy_counters counters() const {
    policy_counters counts = pages_.counters();
    counts.steps += searches_;
    counts.searches = searches_;
    counts.free_units = counts.free_units * page_units_ + free_units_;
    counts.free_blocks += free_blocks_;
    return counts;
  }
  std::size_t bytes() const {
    std::size_t sum = pages_.bytes() + runs_.bytes() + run_of_page_.bytes();
    for (const lowest_set& of : available_) sum += of.bytes();
    return sum;
  }

 private:
  static constexpr std::uint64_t page_bytes = 4096;
  static constexpr std::uint32_t max_blocks = 256;

  struct shape {
    std::uint32_t units;
    std::uint32_t pages;
    std::uint32_t blocks;
    std::uint32_t reciprocal;  // 2^32 / units, rounded up; of 1 that does not fit, see block_in
  };
  struct alignas(64) run {
    std::uint32_t page;
    std::uint32_t index;  // of its class
    std::uint32_t free_count;
    std::uint32_t next_unused;
    std::uint64_t free[max_blocks / 64];
  };

  std::uint32_t run_at(std::uint64_t page) const { return run_of_page_[page]; }
  std::uint64_t block_in(const run& of, const shape& shape_of, std::uint64_t unit) const {
    const std::uint64_t offset = unit - std::uint64_t{of.page} * page_units_;
    return shape_of.units == 1 ? offset : offset * shape_of.reciprocal >> 32;
  }
  std::uint64_t start_in(const run& of, std::uint64_t block) const {
    return std::uint64_t{of.page} * page_units_ + block * shapes_[of.index].units;
  }

  std::uint64_t allocate_pages(std::uint64_t units, std::uint64_t alignment) {
    const std::uint64_t page = pages_.allocate((units + page_units_ - 1) / page_units_,
                                               alignment > page_units_ ? alignment / page_units_ : 1);
    if (page == policy_none) return policy_none;
    if (!run_of_page_.reserve(pages_space_.tables(), pages_.end())) {
      pages_.release(page);
      return policy_none;
    }
    return page * page_units_;
  }
  std::uint64_t allocate_aligned(std::uint64_t units, std::uint64_t alignment) {
    const std::uint64_t rounded = (units + alignment - 1) & ~(alignment - 1);
    if (rounded > size_classes::largest || alignment > page_units_) return allocate_pages(units, alignment);
    // Blocks of a run are aligned as their size is; a power of two is not far.
    unsigned index = index_of_[rounded];
    while (shapes_[index].units % alignment != 0) ++index;
    return allocate_small(index);
  }
  std::uint64_t allocate_small(unsigned index) {
    if (available_[index].empty() && !add_run(index)) return policy_none;
    run& of = runs_[run_of_page_[available_[index].lowest()]];
    const unsigned word = first_word(of);
    const std::uint64_t block = word * 64 + static_cast<unsigned>(std::countr_zero(of.free[word]));
    of.free[word] &= of.free[word] - 1;
    free_units_ -= shapes_[index].units;
    --free_blocks_;
    if (--of.free_count == 0) available_[index].remove(of.page);
    return start_in(of, block);
  }
  // Which of its words has the lowest free block. Requires: one has. Not a search, since where that ends nobody can foretell.
  static unsigned first_word(const run& of) {
    const unsigned filled =
        (of.free[0] != 0 ? 1u : 0u) | (of.free[1] != 0 ? 2u : 0u) | (of.free[2] != 0 ? 4u : 0u) | 8u;
    return static_cast<unsigned>(std::countr_zero(filled));
  }

  bool add_run(unsigned index) {
    const table_memory memory = pages_space_.tables();
    const shape& shape_of = shapes_[index];
    if (!runs_.reserve(memory, used_ + 1)) return false;
    const std::uint64_t page = pages_.allocate(shape_of.pages, 1);
    if (page == policy_none) return false;
    if (!run_of_page_.reserve(memory, pages_.end()) || !reserve_available(pages_.end())) {
      pages_.release(page);
      return false;
    }
    const std::uint32_t name = unused_ != 0 ? unused_ : used_++;
    run& of = runs_[name];
    if (name == unused_) unused_ = of.next_unused;
    of = {static_cast<std::uint32_t>(page), index, shape_of.blocks, 0, {}};
    for (std::uint32_t i = 0; i < shape_of.blocks; ++i) of.free[i / 64] |= std::uint64_t{1} << i % 64;
    for (std::uint32_t i = 0; i < shape_of.pages; ++i) run_of_page_[page + i] = name;
    available_[index].add(page);
    free_units_ += std::uint64_t{shape_of.blocks} * shape_of.units;
    free_blocks_ += shape_of.blocks;
    return true;
  }
  bool reserve_available(std::uint64_t pages) {
    if (pages <= available_pages_) return true;
    const unsigned depth = lowest_set::depth_for(2 * pages);
    for (lowest_set& of : available_) {
      if (!of.reserve(pages_space_.tables(), 2 * pages, depth)) return false;
    }
    available_pages_ = 2 * pages;
    return true;
  }
  void remove_run(std::uint32_t name) {
    run& of = runs_[name];
    const shape& shape_of = shapes_[of.index];
    available_[of.index].remove(of.page);
    for (std::uint32_t i = 0; i < shape_of.pages; ++i) run_of_page_[of.page + i] = 0;
    free_units_ -= std::uint64_t{shape_of.blocks} * shape_of.units;
    free_blocks_ -= shape_of.blocks;
    of.next_unused = unused_;
    unused_ = name;
    pages_.release(of.page);
  }

  unsigned log_page_units_ = 8;  // since a division by what the compiler does not know is a tenth of a call
  std::uint64_t page_units_ = 256;
  std::uint64_t minimum_ = 1;
  policy_space pages_space_;
  fit_policy<first_fit_index> pages_;
  growing_table<run> runs_;
  growing_table<std::uint32_t> run_of_page_;  // 0: none
  lowest_set available_[size_classes::count];
  std::uint64_t available_pages_ = 0;  // that they have room for
  shape shapes_[size_classes::count] = {};
  std::uint8_t index_of_[size_classes::largest + 1] = {};
  std::uint32_t unused_ = 0;
  std::uint32_t used_ = 1;  // 0 names none
  std::uint64_t free_units_ = 0;
  std::uint64_t free_blocks_ = 0;
  std::uint64_t searches_ = 0;
};

}  // namespace loam::detail

#endif
