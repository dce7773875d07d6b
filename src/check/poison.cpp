#include "check/poison.hpp"

#include <cstring>

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

void fill_poison(char* start, size_t bytes, uint64_t word) {
  auto* words = reinterpret_cast<uint64_t*>(start);
  const size_t count = bytes / 8;
  for (size_t i = 0; i < count; ++i) {
    words[i] = word;
    // Or the compiler makes a string instruction of it, whose start costs more than most blocks.
    asm volatile("" : : : "memory");
  }
  for (size_t i = count * 8; i < bytes; ++i) start[i] = static_cast<char>(word >> (8 * (i % 8)));
}

namespace {

bool is_filled(const char* start, size_t bytes, uint64_t word) {
  const auto* words = reinterpret_cast<const uint64_t*>(start);
  const size_t count = bytes / 8;
  uint64_t differs = 0;
  for (size_t i = 0; i < count; ++i) differs |= words[i] ^ word;
  for (size_t i = count * 8; i < bytes; ++i)
    differs |= static_cast<uint8_t>(start[i] ^ static_cast<char>(word >> (8 * (i % 8))));
  return differs == 0;
}

}  // namespace

const char* find_unpoisoned(const char* start, size_t bytes, uint64_t word, const char** last) {
  if (is_filled(start, bytes, word)) [[likely]]
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
