#include "property/model.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "heap/find.hpp"

namespace loam::property {

Plant plant = Plant::kNothing;

namespace {

constexpr size_t kEnds = 256;

std::string say(const char* what, const void* address, size_t size) {
  char text[160];
  std::snprintf(text, sizeof text, "%s: %p, %zu bytes", what, address, size);
  return text;
}

template <class Visit>
bool each_byte(const Block& block, Visit visit) {
  const auto value = [&](size_t at) { return static_cast<char>(block.pattern >> (at % 8 * 8)); };
  const size_t head = std::min(block.size, kEnds);
  for (size_t at = 0; at < head; ++at) {
    if (!visit(block.start[at], value(at))) return false;
  }
  for (size_t at = std::max(head, block.size - std::min(block.size, kEnds)); at < block.size; ++at) {
    if (!visit(block.start[at], value(at))) return false;
  }
  return true;
}

}  // namespace

void fill(const Block& block) {
  each_byte(block, [](char& byte, char value) {
    byte = value;
    return true;
  });
}

bool holds(const Block& block) {
  return each_byte(block, [](char byte, char value) { return byte == value; });
}

std::string Model::add(char* start, size_t size, size_t alignment, bool zero) {
  const auto address = reinterpret_cast<uint64_t>(start);
  if (address % alignment != 0) return say("a misaligned block", start, size);
  const size_t usable = heap::find_size(start);
  if (usable < size) return say("a block with less usable size", start, usable);
  const auto next = starts_.lower_bound(address);
  if (next != starts_.end() && next->first < address + usable)
    return say("overlaps the next block", start, size);
  if (next != starts_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second > address) return say("overlaps the block before", start, size);
  }
  if (zero && !std::all_of(start, start + std::min<size_t>(size, 65536), [](char c) { return c == 0; }))
    return say("promised zero, is not", start, size);
  const Block block = {start, size, next_pattern_ *= 6364136223846793005u};
  fill(block);
  if (size > 2 * kEnds)
    start[size / 2] = 1;  // dirties a page in the middle, so that a promise of zero is tried
  blocks_.push_back(block);
  starts_[address] = size;
  bytes_ += size;
  if (plant == Plant::kContent && blocks_.size() == 100 && size > 0) start[size - 1] ^= 1;
  return {};
}

std::string Model::check(size_t index) const {
  const Block& block = blocks_[index];
  if (!holds(block)) return say("a block's contents have changed", block.start, block.size);
  return {};
}

std::string Model::remove(size_t index, Block* removed) {
  std::string wrong = check(index);
  *removed = blocks_[index];
  bytes_ -= removed->size;
  starts_.erase(reinterpret_cast<uint64_t>(removed->start));
  blocks_[index] = blocks_.back();
  blocks_.pop_back();
  return wrong;
}

void Model::replace(size_t index, size_t new_size) {
  Block& block = blocks_[index];
  bytes_ += new_size - block.size;
  block.size = new_size;
  starts_[reinterpret_cast<uint64_t>(block.start)] = new_size;
  fill(block);
}

std::string Model::compare_find(uint64_t word) const {
  heap::Found found = heap::find(reinterpret_cast<void*>(word));
  if (plant == Plant::kFind && found.where == heap::Where::kLive && word % 64 == 33)
    found.where = heap::Where::kFreeBlock;
  auto at = starts_.upper_bound(word);
  const bool inside = at != starts_.begin() && (--at, word - at->first < at->second);
  const auto* address = reinterpret_cast<const void*>(word);
  if (inside && found.where != heap::Where::kLive)
    return say("find() misses a live block", address, at->second);
  if (inside && reinterpret_cast<uint64_t>(found.block) != at->first)
    return say("find() names another block", address, at->second);
  if (found.where != heap::Where::kLive) return {};
  // Live, but not where the caller's bytes are: then behind them, within the usable size or the room to grow.
  const auto start = reinterpret_cast<uint64_t>(found.block);
  const bool small = found.span != nullptr && found.span->kind == heap::SpanKind::kSmall;
  if (word - start >= (small ? found.span->block_size : found.size))
    return say("find() names a block that does not hold the word", address, found.size);
  if (starts_.count(start) == 0) return say("find() calls a block live that is not", address, found.size);
  return {};
}

}  // namespace loam::property
