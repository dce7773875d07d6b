// The blocks that live at one moment of a replay, by address: a table with open addressing, since a recording has hundreds of
// millions of look-ups. What is kept of a block is up to the reader.
#pragma once

#include <cstdint>
#include <loam/detail/policy_tables.hpp>
#include <utility>
#include <vector>

#include "tool/model/huge_table.hpp"

namespace loam::tool {

template <typename Value>
class LiveBlocks {
 public:
  LiveBlocks() : slots_(kFirst) {}

  std::size_t size() const { return used_; }

  // The value at the address, which is made if it is not there; `is_new` tells.
  Value& at(std::uint64_t address, bool& is_new) {
    if (2 * (used_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[position(address)];
    is_new = slot.address == kEmpty;
    if (is_new) {
      slot.address = address;
      ++used_;
    }
    return slot.value;
  }

  // Brings near what a look-up of the address will see.
  void prefetch(std::uint64_t address) const { loam::detail::ask_for(&slots_[place(address)]); }

  // Null: there is none. Valid until the next change.
  const Value* find(std::uint64_t address) const {
    const Slot& slot = slots_[position(address)];
    return slot.address == kEmpty ? nullptr : &slot.value;
  }

  // Takes the block out and gives what was kept of it; false if there is none.
  bool take(std::uint64_t address, Value& value) {
    std::size_t hole = position(address);
    if (slots_[hole].address == kEmpty) return false;
    value = std::move(slots_[hole].value);
    // Whatever would no longer be found over the hole moves into it.
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = (hole + 1) & mask; slots_[i].address != kEmpty; i = (i + 1) & mask) {
      const std::size_t home = place(slots_[i].address);
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      slots_[hole] = std::move(slots_[i]);
      hole = i;
    }
    slots_[hole] = Slot();
    --used_;
    return true;
  }

  template <typename Visitor>
  void visit(Visitor&& visitor) const {
    for (const Slot& slot : slots_) {
      if (slot.address != kEmpty) visitor(slot.address, slot.value);
    }
  }

 private:
  static constexpr std::size_t kFirst = 1024;
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t address = kEmpty;
    Value value{};
  };

  std::size_t place(std::uint64_t address) const {
    return static_cast<std::size_t>((address * 0x9e3779b97f4a7c15U) >> 20U) & (slots_.size() - 1);
  }
  std::size_t position(std::uint64_t address) const {
    std::size_t i = place(address);
    while (slots_[i].address != kEmpty && slots_[i].address != address) i = (i + 1) & (slots_.size() - 1);
    return i;
  }
  void grow() {
    std::vector<Slot, HugeAllocator<Slot>> old(slots_.size() * 2);
    old.swap(slots_);
    for (Slot& slot : old) {
      if (slot.address != kEmpty) slots_[position(slot.address)] = std::move(slot);
    }
  }

  std::vector<Slot, HugeAllocator<Slot>> slots_;
  std::size_t used_ = 0;
};

}  // namespace loam::tool
