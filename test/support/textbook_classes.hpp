// Buddy system and segregated storage as plain lists: see textbook.hpp.
#pragma once

#include <set>

#include "support/textbook.hpp"

namespace loam::test {

class TextbookBuddy {
 public:
  explicit TextbookBuddy(TextbookShape shape) : shape_(shape) {}

  std::uint64_t allocate(std::uint64_t units, std::uint64_t alignment) {
    const std::uint64_t size = std::bit_ceil(std::max({units, alignment, shape_.minimum}));
    std::uint64_t found = find(size);
    if (found == 0) {
      grow(size);
      found = find(size);
    }
    const std::uint64_t start = *free_[found].begin();
    free_[found].erase(start);
    for (; found > size; found /= 2) free_[found / 2].insert(start + found / 2);
    live_[start] = size;
    return start;
  }
  void release(std::uint64_t start) {
    put(start, live_.at(start));
    live_.erase(start);
    shrink();
  }
  bool resize(std::uint64_t start, std::uint64_t units) {
    const std::uint64_t wanted = std::bit_ceil(std::max(units, shape_.minimum));
    std::uint64_t& size = live_.at(start);
    if (wanted > size) return false;
    for (; size > wanted; size /= 2) free_[size / 2].insert(start + size / 2);
    return true;
  }
  std::uint64_t size_of(std::uint64_t start) const { return live_.at(start); }
  std::uint64_t end() const { return end_; }
  std::uint64_t free_blocks() const {
    std::uint64_t sum = 0;
    for (const auto& [size, starts] : free_) sum += starts.size();
    return sum;
  }

 private:
  std::uint64_t find(std::uint64_t size) const {
    for (auto at = free_.lower_bound(size); at != free_.end(); ++at) {
      if (!at->second.empty()) return at->first;
    }
    return 0;
  }
  void put(std::uint64_t start, std::uint64_t size) {
    while (free_[size].erase(start ^ size) != 0) {
      start &= ~size;
      size *= 2;
    }
    free_[size].insert(start);
  }
  void put_range(std::uint64_t start, std::uint64_t end) {
    while (start < end) {
      std::uint64_t size = std::bit_floor(end - start);
      while (start % size != 0) size /= 2;
      put(start, size);
      start += size;
    }
  }
  // The free block that ends there, or 0.
  std::uint64_t ending_at(std::uint64_t end) const {
    for (const auto& [size, starts] : free_) {
      if (size <= end && starts.contains(end - size)) return size;
    }
    return 0;
  }
  std::uint64_t free_tail() const {
    std::uint64_t tail = end_;
    while (const std::uint64_t size = ending_at(tail)) tail -= size;
    return tail;
  }
  void grow(std::uint64_t size) {
    const std::uint64_t place = (free_tail() + size - 1) / size * size;
    const std::uint64_t before = end_;
    end_ += (place + size - end_ + shape_.step - 1) / shape_.step * shape_.step;
    put_range(before, end_);
  }
  void shrink() {
    const std::uint64_t tail = free_tail();
    if (shape_.shrink_above == 0 || end_ - tail < shape_.shrink_above) return;
    while (end_ > tail) {
      const std::uint64_t size = ending_at(end_);
      free_[size].erase(end_ - size);
      end_ -= size;
    }
    end_ = (tail + shape_.page - 1) / shape_.page * shape_.page;
    put_range(tail, end_);
  }

  TextbookShape shape_;
  std::map<std::uint64_t, std::set<std::uint64_t>> free_;  // by size
  std::map<std::uint64_t, std::uint64_t> live_;
  std::uint64_t end_ = 0;
};

// Runs in a list, blocks of a run in another; pages first fit.
class TextbookSegregated {
 public:
  explicit TextbookSegregated(TextbookShape shape)
      : shape_(shape),
        pages_(TextbookFit::Choice::kFirst,
               {1, shape.step / shape.page, shape.shrink_above / shape.page, 1}) {}

  std::uint64_t allocate(std::uint64_t units, std::uint64_t alignment) {
    units = std::max(units, shape_.minimum);
    const std::uint64_t rounded = (units + alignment - 1) / alignment * alignment;
    if (rounded > kLargest || alignment > shape_.page)
      return shape_.page * pages_.allocate((units + shape_.page - 1) / shape_.page,
                                           std::max<std::uint64_t>(alignment / shape_.page, 1));
    std::uint64_t size = class_size(rounded);
    while (size % alignment != 0) size = class_size(size + 1);
    for (Run& run : runs_) {
      if (run.size == size && !run.free.empty()) return take(run);
    }
    return take(add_run(size));
  }
  void release(std::uint64_t start) {
    Run* run = run_of(start);
    if (run == nullptr) return pages_.release(start / shape_.page);
    run->free.insert(start);
    if (run->free.size() < run->blocks) return;
    pages_.release(run->start / shape_.page);
    runs_.remove_if([&](const Run& other) { return other.start == run->start; });
  }
  bool resize(std::uint64_t start, std::uint64_t units) {
    units = std::max(units, shape_.minimum);
    const Run* run = run_of(start);
    if (run != nullptr) return units <= kLargest && class_size(units) == run->size;
    return units > kLargest && pages_.resize(start / shape_.page, (units + shape_.page - 1) / shape_.page);
  }
  std::uint64_t size_of(std::uint64_t start) {
    const Run* run = run_of(start);
    return run != nullptr ? run->size : pages_.size_of(start / shape_.page) * shape_.page;
  }
  std::uint64_t end() const { return pages_.end() * shape_.page; }
  std::uint64_t free_blocks() const {
    std::uint64_t sum = pages_.free_blocks();
    for (const Run& run : runs_) sum += run.free.size();
    return sum;
  }

 private:
  static constexpr std::uint64_t kLargest = 512;

  struct Run {
    std::uint64_t start;
    std::uint64_t size;
    std::uint64_t blocks;
    std::uint64_t end;
    std::set<std::uint64_t> free;
  };

  // 1 to 8, then four a doubling.
  static std::uint64_t class_size(std::uint64_t units) {
    std::uint64_t size = 1;
    while (size < units) size += size < 8 ? 1 : std::bit_floor(size) / 4;
    return size;
  }
  static std::uint64_t take(Run& run) {
    const std::uint64_t start = *run.free.begin();
    run.free.erase(start);
    return start;
  }
  Run& add_run(std::uint64_t size) {
    std::uint64_t pages = 1;
    while (pages * shape_.page / size < 8) pages *= 2;
    const std::uint64_t start = pages_.allocate(pages, 1) * shape_.page;
    Run run{start, size, pages * shape_.page / size, start + pages * shape_.page, {}};
    for (std::uint64_t i = 0; i < run.blocks; ++i) run.free.insert(start + i * size);
    auto at = runs_.begin();
    while (at != runs_.end() && at->start < start) ++at;
    return *runs_.insert(at, run);
  }
  Run* run_of(std::uint64_t start) {
    for (Run& run : runs_) {
      if (run.start <= start && start < run.end) return &run;
    }
    return nullptr;
  }

  TextbookShape shape_;
  TextbookFit pages_;
  std::list<Run> runs_;
};

}  // namespace loam::test
