#include "check/poison.hpp"

#include <bit>
#include <cstring>

#include "base/pair.hpp"
#include "sys/kernel.hpp"

namespace loam::check {

namespace {
constexpr uint64_t kOutsideUserSpace = 0xf5a5'a5a5'a5a5'a5a5u;
}

bool Poison::open(uint64_t slots, uint64_t most_bytes) {
  for (uint64_t stride = kMostStride; stride >= kLeastStride; stride /= 2) {
    if (slots * stride > most_bytes) continue;
    void* region = sys::map(slots * stride, true);
    if (region == nullptr) continue;
    start_ = reinterpret_cast<uint64_t>(region);
    first_ = start_ + stride / 2 + kPoisonByte;
    stride_ = stride;
    slots_ = slots;
    return true;
  }
  first_ = kOutsideUserSpace;
  return false;
}

Poison::Place Poison::find(uint64_t address) const {
  const uint64_t offset = address - start_;
  if (slots_ == 0 || offset >= slots_ * stride_) return {false, 0, 0};
  const auto in_stretch = static_cast<int64_t>(offset % stride_);
  return {true, offset / stride_, in_stretch - static_cast<int64_t>(stride_ / 2 + kPoisonByte)};
}

namespace {

// What eight bytes from this place in a block on hold of its poison.
uint64_t poison_at(uint64_t word, size_t place) { return std::rotr(word, static_cast<int>(8 * (place % 8))); }

}  // namespace

// The last step of each overlaps the one before, instead of a loop over single bytes.
void fill_poison(char* start, size_t bytes, uint64_t word) {
  if (bytes < sizeof word) {
    memcpy(start, &word, bytes);
    return;
  }
  if (bytes < sizeof(base::Pair)) {
    memcpy(start, &word, sizeof word);
    const size_t last = bytes - sizeof word;
    const uint64_t end = poison_at(word, last);
    memcpy(start + last, &end, sizeof word);
    return;
  }
  const base::Pair pair = base::pair_of(word);
  const size_t last = bytes - sizeof pair;
  for (size_t i = 0; i < last; i += sizeof pair) {
    base::store(start + i, pair);
    // Or the compiler makes a string instruction of it, whose start costs more than most blocks.
    asm volatile("" : : : "memory");
  }
  base::store(start + last, base::pair_of(poison_at(word, last)));
}

bool is_poisoned(const char* start, size_t bytes, uint64_t word) {
  if (bytes < sizeof word) {
    uint64_t seen = 0;
    memcpy(&seen, start, bytes);
    return bytes == 0 || (seen ^ word) << (64 - 8 * bytes) == 0;
  }
  if (bytes < sizeof(base::Pair)) {
    uint64_t first;
    uint64_t end;
    const size_t last = bytes - sizeof word;
    memcpy(&first, start, sizeof word);
    memcpy(&end, start + last, sizeof word);
    return ((first ^ word) | (end ^ poison_at(word, last))) == 0;
  }
  const base::Pair pair = base::pair_of(word);
  const size_t last = bytes - sizeof pair;
  base::Pair differs = base::load(start + last) ^ base::pair_of(poison_at(word, last));
  for (size_t i = 0; i < last; i += sizeof pair) differs |= base::load(start + i) ^ pair;
  return base::is_zero(differs);
}

const char* find_unpoisoned(const char* start, size_t bytes, uint64_t word, const char** last) {
  if (is_poisoned(start, bytes, word)) [[likely]]
    return nullptr;
  const char* first = nullptr;
  for (size_t i = 0; i < bytes; ++i) {
    if (start[i] == static_cast<char>(word >> (8 * (i % 8)))) continue;
    if (first == nullptr) first = start + i;
    *last = start + i;
  }
  return first;
}

}  // namespace loam::check
