// Typed objects that hold pointers outside the heap, in a std::vector say: no page of the heap tells that those have changed, so
// that a collection of young objects reads these objects anew.
// Locking: add() has its own, for a few instructions, since several markers find such objects; all else under the collector's lock.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/table.hpp"

namespace loam::collector {

class Outsiders {
 public:
  // Without memory complete() is false from then on.
  void add(uint64_t object);
  bool complete() const { return complete_; }

  template <class Visit>
  void for_each(Visit visit) {
    objects_.for_each([&](const Entry& entry) { visit(entry.key); });
  }
  // After a collection: those that are gone.
  void forget_dead();

 private:
  struct Entry {
    uint64_t key;
  };

  std::atomic<uint32_t> lock_{0};
  bool complete_ = true;
  Table<Entry> objects_;
};

extern constinit Outsiders outsiders;

}  // namespace loam::collector
