// The placement policies as textbooks have them: a linear list of all blocks, looked through from one end. What the fast forms
// are compared with, block for block. Slow, and as plain as it can be.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <list>
#include <map>
#include <vector>

namespace loam::test {

constexpr std::uint64_t kNoPlace = ~std::uint64_t{0};

struct TextbookBlock {
  std::uint64_t start;
  std::uint64_t size;
  bool free;
};

// Sizes and places in units; the region grows by whole steps and shrinks when so much is free at its end.
struct TextbookShape {
  std::uint64_t minimum;
  std::uint64_t step;
  std::uint64_t shrink_above;
  std::uint64_t page;
};

class TextbookFit {
 public:
  enum class Choice { kFirst, kNext, kBest, kWorst, kTlsf };
  TextbookFit(Choice choice, TextbookShape shape) : choice_(choice), shape_(shape) {}

  std::uint64_t allocate(std::uint64_t units, std::uint64_t alignment) {
    units = std::max(units, shape_.minimum);
    const std::uint64_t room = alignment > 1 ? units + alignment + shape_.minimum : units;
    auto found = choose(room);
    if (found == blocks_.end()) {
      grow(choice_ == Choice::kTlsf ? class_start(rounded(room)) : room);
      found = choose(room);
    }
    std::uint64_t at = (found->start + alignment - 1) / alignment * alignment;
    while (at != found->start && at - found->start < shape_.minimum) at += alignment;
    take_from_list(found->start);
    if (at != found->start) {
      blocks_.insert(found, {found->start, at - found->start, true});
      give_to_list(found->start);
      found->size -= at - found->start;
      found->start = at;
    }
    found->free = false;
    cut(found, units);
    live_[at] = found;
    rover_ = at + units;
    return at;
  }

  void release(std::uint64_t start) {
    auto block = live_.at(start);
    live_.erase(start);
    block->free = true;
    join(block);
    give_to_list(block->start);
    if (std::next(block) == blocks_.end() && shape_.shrink_above != 0 && block->size >= shape_.shrink_above)
      shrink(block);
  }

  bool resize(std::uint64_t start, std::uint64_t units) {
    units = std::max(units, shape_.minimum);
    auto block = live_.at(start);
    auto next = std::next(block);
    const bool next_free = next != blocks_.end() && next->free;
    if (units > block->size && (!next_free || block->size + next->size < units)) return false;
    if (units <= block->size && block->size - units < shape_.minimum) return true;
    if (next_free) {
      take_from_list(next->start);
      const std::uint64_t from = units > block->size ? block->start : block->start + units;
      block->size += next->size;
      blocks_.erase(next);
      move_rover(from, block->start + block->size);
    }
    cut(block, units);
    return true;
  }

  std::uint64_t size_of(std::uint64_t start) const { return live_.at(start)->size; }
  std::uint64_t end() const { return end_; }
  std::uint64_t free_blocks() const {
    return static_cast<std::uint64_t>(
        std::count_if(blocks_.begin(), blocks_.end(), [](const TextbookBlock& b) { return b.free; }));
  }

 private:
  using Place = std::list<TextbookBlock>::iterator;

  Place choose(std::uint64_t units) {
    Place best = blocks_.end();
    if (choice_ == Choice::kTlsf) return choose_class(units);
    for (Place at = blocks_.begin(); at != blocks_.end(); ++at) {
      if (!at->free || at->size < units) continue;
      if (choice_ == Choice::kFirst) return at;
      const bool better = best == blocks_.end() || (choice_ == Choice::kBest && at->size < best->size) ||
                          (choice_ == Choice::kWorst && at->size > best->size);
      if (choice_ == Choice::kNext && at->start >= rover_) return at;
      if (better) best = at;
    }
    return best;
  }

  // The lists of TLSF, the block freed last first.
  static std::uint64_t part_size(std::uint64_t size) {
    return size < 32 ? 1 : std::uint64_t{1} << (std::bit_width(size) - 6);
  }
  static std::uint64_t class_start(std::uint64_t size) { return size / part_size(size) * part_size(size); }
  static std::uint64_t rounded(std::uint64_t size) { return size + part_size(size) - 1; }
  Place choose_class(std::uint64_t units) {
    for (auto list = lists_.lower_bound(class_start(rounded(units))); list != lists_.end(); ++list) {
      if (list->second.empty()) continue;
      const std::uint64_t start = list->second.back();
      return std::find_if(blocks_.begin(), blocks_.end(),
                          [=](const TextbookBlock& b) { return b.start == start; });
    }
    return blocks_.end();
  }
  void give_to_list(std::uint64_t start) {
    if (choice_ != Choice::kTlsf) return;
    const auto at = std::find_if(blocks_.begin(), blocks_.end(),
                                 [=](const TextbookBlock& b) { return b.start == start; });
    lists_[class_start(at->size)].push_back(start);
  }
  void take_from_list(std::uint64_t start) {
    for (auto& [size, list] : lists_) std::erase(list, start);
  }

  void cut(Place block, std::uint64_t units) {
    if (block->size - units < shape_.minimum) return;
    blocks_.insert(std::next(block), {block->start + units, block->size - units, true});
    block->size = units;
    give_to_list(block->start + units);
  }
  void join(Place& block) {
    const auto next = std::next(block);
    if (next != blocks_.end() && next->free) {
      take_from_list(next->start);
      block->size += next->size;
      blocks_.erase(next);
    }
    if (block != blocks_.begin() && std::prev(block)->free) {
      const auto before = std::prev(block);
      take_from_list(before->start);
      before->size += block->size;
      blocks_.erase(block);
      block = before;
    }
    move_rover(block->start, block->start + block->size);
  }
  void move_rover(std::uint64_t start, std::uint64_t end) {
    if (start < rover_ && rover_ < end) rover_ = start;
  }

  void grow(std::uint64_t units) {
    const std::uint64_t last = !blocks_.empty() && blocks_.back().free ? blocks_.back().size : 0;
    const std::uint64_t more = (units - last + shape_.step - 1) / shape_.step * shape_.step;
    blocks_.push_back({end_, more, true});
    end_ += more;
    Place block = std::prev(blocks_.end());
    join(block);
    give_to_list(block->start);
  }
  void shrink(Place block) {
    take_from_list(block->start);
    end_ = (block->start + shape_.page - 1) / shape_.page * shape_.page;
    block->size = end_ - block->start;
    if (block->size == 0)
      blocks_.erase(block);
    else
      give_to_list(block->start);
  }

  Choice choice_;
  TextbookShape shape_;
  std::list<TextbookBlock> blocks_;
  std::map<std::uint64_t, Place> live_;
  std::map<std::uint64_t, std::vector<std::uint64_t>> lists_;
  std::uint64_t end_ = 0;
  std::uint64_t rover_ = 0;
};

}  // namespace loam::test
