// Maps from objects to values that hold a value only as long as its key is reached by other ways than through the map's own
// values. An entry whose key is not reached is gone after the collection.
// A map is not an object: it lives until it is deleted, and its entries count meanwhile.
// Locking: the collector's lock.
#pragma once

#include <cstdint>

#include "lib/gc/marker.hpp"
#include "lib/gc/table.hpp"

namespace loam::collector {

class Ephemerons {
 public:
  struct Entry {
    uint64_t key;
    uint64_t value;
  };
  struct Map {
    Map* next;
    bool used;
    Table<Entry> entries;
  };

  // Null without memory.
  Map* make();
  void remove(Map* map);

  // Marks the values whose keys are reached, and what they lead to, until nothing is left to mark.
  void mark(Marker& marker);
  // After all marking: drops the entries whose keys are not reached.
  void clear();

 private:
  Map* first_ = nullptr;
};

extern constinit Ephemerons ephemerons;

}  // namespace loam::collector
