#include "lib/gc/outsiders.hpp"

#include "lib/gc/space.hpp"
#include "sys/cpu.hpp"

namespace loam::collector {

constinit Outsiders outsiders;

void Outsiders::add(uint64_t object) {
  while (lock_.exchange(1, std::memory_order_acquire) != 0) sys::pause();
  if (objects_.insert(object) == nullptr) complete_ = false;
  lock_.store(0, std::memory_order_release);
}

void Outsiders::forget_dead() {
  objects_.sweep([](const Entry& entry) {
    const Slot slot = space.find(entry.key);
    return !space.is_live(slot) || space.start_of(slot) != entry.key;
  });
}

}  // namespace loam::collector
