#include "lib/gc/toggles.hpp"

namespace loam::collector {

constinit Toggles toggles;

bool Toggles::add(uint64_t object, bool hold) {
  Entry* entry = objects_.insert(object);
  if (entry == nullptr) return false;
  entry->held = hold;
  return true;
}

void Toggles::mark(Marker& marker) {
  if (ask_ != nullptr) {
    objects_.sweep([&](Entry& entry) {
      const Answer answer = ask_(reinterpret_cast<void*>(entry.key));
      entry.held = answer == kHold;
      return answer == kForget;
    });
  }
  objects_.for_each([&](const Entry& entry) {
    if (entry.held) marker.add_word(entry.key);
  });
}

void Toggles::forget_dead() {
  objects_.sweep([](const Entry& entry) {
    const Slot slot = space.find(entry.key);
    return !space.is_live(slot) || space.is_open(slot);
  });
}

}  // namespace loam::collector
