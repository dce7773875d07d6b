// A table from keys to small values that is emptied again and again, as each block of a recording begins anew: emptying it costs nothing, and
// it is as large as what its rounds have lately held, so that it stays in the cache.
// Invariant: a slot of another round is empty. Nothing is taken out; at most half of the slots are used. Not for sharing between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sys/prefetch.hpp"

namespace loam::tool {

class BlockTable {
 public:
  BlockTable() : slots_(std::size_t{1} << kFirst) {}

  // What is kept of the key will be asked for soon.
  void expect(std::uint64_t key) const { sys::ask_for(&slots_[home(key)]); }
  // The value of the key; null: it has none. Valid until the next change.
  std::uint32_t* find(std::uint64_t key) {
    Slot& slot = slots_[position(key)];
    return slot.round == round_ ? &slot.value : nullptr;
  }
  // The value of the key, which is 0 if it had none.
  std::uint32_t& at(std::uint64_t key) {
    Slot* slot = &slots_[position(key)];
    if (slot->round == round_) return slot->value;
    if (2 * ++used_ > slots_in_use()) {
      grow();
      slot = &slots_[position(key)];
    }
    *slot = {key, round_, 0};
    return slot->value;
  }
  void clear() {
    if (used_ < slots_in_use() / 16 && bits_ > kFirst) --bits_;
    used_ = 0;
    ++round_;
  }

 private:
  static constexpr unsigned kFirst = 10;
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t round = 0;
    std::uint32_t value = 0;
  };

  std::size_t slots_in_use() const { return std::size_t{1} << bits_; }
  std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15U) >> (64 - bits_));
  }
  std::size_t position(std::uint64_t key) const {
    std::size_t i = home(key);
    while (slots_[i].round == round_ && slots_[i].key != key) i = (i + 1) & (slots_in_use() - 1);
    return i;
  }
  void grow() {
    std::vector<Slot> old(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(slots_in_use()));
    const std::uint32_t before = round_++;
    ++bits_;
    if (slots_.size() < slots_in_use()) slots_.resize(slots_in_use());
    for (const Slot& slot : old) {
      if (slot.round == before) slots_[position(slot.key)] = {slot.key, round_, slot.value};
    }
  }

  std::vector<Slot> slots_;
  unsigned bits_ = kFirst;
  std::size_t used_ = 0;
  std::uint32_t round_ = 1;
};

}  // namespace loam::tool
