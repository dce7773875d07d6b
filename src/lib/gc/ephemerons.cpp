#include "lib/gc/ephemerons.hpp"

#include "sys/kernel.hpp"

namespace loam::collector {

constinit Ephemerons ephemerons;

Ephemerons::Map* Ephemerons::make() {
  for (Map* map = first_; map != nullptr; map = map->next) {
    if (map->used) continue;
    map->used = true;
    return map;
  }
  // A page holds many.
  constexpr uint64_t kPage = 4096;
  auto* maps = static_cast<Map*>(sys::map(kPage));
  if (maps == nullptr) return nullptr;
  for (uint64_t i = 0; i < kPage / sizeof(Map); ++i) {
    maps[i].next = first_;
    first_ = &maps[i];
  }
  first_->used = true;
  return first_;
}

void Ephemerons::remove(Map* map) {
  map->entries.sweep([](const Entry&) { return true; });
  map->used = false;
}

void Ephemerons::mark(Marker& marker) {
  for (bool again = true; again;) {
    again = false;
    for (Map* map = first_; map != nullptr; map = map->next) {
      map->entries.for_each([&](const Entry& entry) {
        if (space.is_open(space.find(entry.key)) || !space.is_open(space.find(entry.value))) return;
        marker.add_word(entry.value);
        marker.drain();
        again = true;
      });
    }
  }
}

void Ephemerons::clear() {
  for (Map* map = first_; map != nullptr; map = map->next) {
    map->entries.sweep([](const Entry& entry) { return space.is_open(space.find(entry.key)); });
  }
}

}  // namespace loam::collector
