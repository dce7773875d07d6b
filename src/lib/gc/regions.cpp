#include "lib/gc/regions.hpp"

#include "sys/cpu.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

constinit Regions regions;

bool Regions::open() {
  if (words_ != nullptr) return true;
  const uint64_t blocks = space.window_bytes() >> kBlockShift;
  regions_ = static_cast<Region*>(sys::map_unreserved(count_of(space.window_bytes()) * sizeof(Region)));
  if (regions_ == nullptr) return false;
  words_ = static_cast<uint64_t*>(sys::map_unreserved(blocks * sizeof(uint64_t)));
  return words_ != nullptr;
}

void Regions::lock(Region& region) {
  constexpr unsigned kSpins = 200;
  for (unsigned spin = 0; region.lock.exchange(1, std::memory_order_acquire) != 0; ++spin) {
    if (spin < kSpins)
      sys::pause();
    else
      sys::yield();
  }
}

void Regions::clear() {
  if (words_ == nullptr) return;
  for (uint32_t i = 0; i < count_of(space.used_bytes()); ++i) regions_[i].blocks = 0;
  for (uint32_t i = 0; i < space.block_count(); ++i) words_[i] = 0;
}

}  // namespace loam::collector
