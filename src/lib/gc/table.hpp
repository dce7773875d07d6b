// A hash table of entries with a key each, in mappings of its own. Open addressing, without marks of deletion: what follows an
// erased entry moves up.
// Requires of Entry: a copyable struct with `uint64_t key`, which is not 0 in an entry. Locking: none.
#pragma once

#include <cstdint>

#include "sys/kernel.hpp"

namespace loam::collector {

template <class Entry>
class Table {
 public:
  uint64_t count() const { return count_; }

  Entry* find(uint64_t key) {
    if (count_ == 0) return nullptr;
    for (uint64_t at = home(key);; at = (at + 1) & (room_ - 1)) {
      if (entries_[at].key == key) return &entries_[at];
      if (entries_[at].key == 0) return nullptr;
    }
  }

  // The entry of the key, zeroed but for the key if it is new; null without memory.
  Entry* insert(uint64_t key) {
    if (Entry* found = find(key)) return found;
    if ((count_ + 1) * 4 > room_ * 3 && !grow()) return nullptr;
    uint64_t at = home(key);
    while (entries_[at].key != 0) at = (at + 1) & (room_ - 1);
    ++count_;
    entries_[at] = {};
    entries_[at].key = key;
    return &entries_[at];
  }

  void erase(uint64_t key) {
    if (Entry* found = find(key)) erase_at(static_cast<uint64_t>(found - entries_));
  }

  // visit(entry) returns whether the entry is to be erased. An entry may be visited twice.
  template <class Visit>
  void sweep(Visit visit) {
    for (uint64_t at = 0; count_ != 0 && at < room_;) {
      if (entries_[at].key != 0 && visit(entries_[at]))
        erase_at(at);
      else
        ++at;
    }
  }

  template <class Visit>
  void for_each(Visit visit) {
    for (uint64_t at = 0; count_ != 0 && at < room_; ++at) {
      if (entries_[at].key != 0) visit(entries_[at]);
    }
  }

 private:
  static constexpr uint64_t kLeastRoom = 128;

  uint64_t home(uint64_t key) const { return ((key >> 3) * 0x9e3779b97f4a7c15u >> 20) & (room_ - 1); }

  void erase_at(uint64_t hole) {
    for (uint64_t at = (hole + 1) & (room_ - 1); entries_[at].key != 0; at = (at + 1) & (room_ - 1)) {
      // Whether its home lies cyclically in (hole, at]: then it stays.
      const uint64_t distance = (at - home(entries_[at].key)) & (room_ - 1);
      if (distance < ((at - hole) & (room_ - 1))) continue;
      entries_[hole] = entries_[at];
      hole = at;
    }
    entries_[hole] = {};
    --count_;
  }

  bool grow() {
    const uint64_t more = room_ == 0 ? kLeastRoom : 2 * room_;
    auto* larger = static_cast<Entry*>(sys::map(more * sizeof(Entry)));
    if (larger == nullptr) return false;
    Entry* old = entries_;
    const uint64_t old_room = room_;
    entries_ = larger;
    room_ = more;
    for (uint64_t i = 0; i < old_room; ++i) {
      if (old[i].key == 0) continue;
      uint64_t at = home(old[i].key);
      while (entries_[at].key != 0) at = (at + 1) & (room_ - 1);
      entries_[at] = old[i];
    }
    if (old != nullptr) sys::unmap(old, old_room * sizeof(Entry));
    return true;
  }

  Entry* entries_ = nullptr;
  uint64_t count_ = 0;
  uint64_t room_ = 0;
};

}  // namespace loam::collector
