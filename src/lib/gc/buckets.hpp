// The pointers that a marker has found and not followed yet, by the region that they lead to, and in which order the regions come. What tells
// of a region's objects fits into the processor's nearest cache: looked up together, pointers that were found in any order cost no
// more than neighbours.
//
// Invariant: a region is in the ring, once, exactly if its bucket is begun. A bucket is never left full.
// Owns its tables, which stay from one collection to the next.
// Locking: what is in a bucket is taken under its region's lock where two markers work, by either of them. Only the marker whose buckets they are
// adds to them, which needs no lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/gc/regions.hpp"
#include "sys/cpu.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

class Buckets {
 public:
  // Four pages for each region, present as far as they were filled.
  static constexpr uint32_t kRoom = 4096;
  // So many pointers before its turn the place of one is fetched from a farther cache.
  static constexpr ptrdiff_t kAhead = 8;

  // Empties it. Returns false without memory.
  bool prepare() {
    const uint64_t count = Regions::count_of(space.window_bytes());
    if (ring_ == nullptr) {
      entries_ = static_cast<uint32_t*>(sys::map_unreserved(count * kRoom * sizeof(uint32_t)));
      filled_ = static_cast<uint32_t*>(sys::map_unreserved(count * sizeof(uint32_t)));
      taken_ = static_cast<uint32_t*>(sys::map_unreserved(count * sizeof(uint32_t)));
      if (entries_ == nullptr || filled_ == nullptr || taken_ == nullptr) return false;
      ring_ = static_cast<uint32_t*>(sys::map_unreserved((count + 1) * sizeof(uint32_t)));
      room_ = static_cast<uint32_t>(count + 1);
    }
    while (ring_ != nullptr && !empty()) {
      const uint32_t region = take();
      filled_[region] = taken_[region] = 0;
    }
    return ring_ != nullptr;
  }

  bool empty() const { return first_ == last_; }
  uint32_t next() const { return ring_[first_]; }
  uint32_t count() const { return last_ >= first_ ? last_ - first_ : last_ + room_ - first_; }

  // By the pointer's distance from the heap's base. Returns whether the bucket is full now: it must be settled.
  bool add(uint64_t offset) {
    const auto region = static_cast<uint32_t>(offset >> kRegionShift);
    const uint32_t filled = begun(region);
    entries_[uint64_t{region} * kRoom + filled] = static_cast<uint32_t>(offset & (kRegionBytes - 1));
    show(filled_[region], filled + 1);
    return filled + 1 == kRoom;
  }
  // The same for many; full(region) settles the bucket of a region. Neighbours that lead to the same region do not wait for each other's count.
  template <class Full>
  void add_all(const uint64_t* offsets, uint32_t count, Full full) {
    const uint64_t* const end = offsets + count;
    // A count that is shown to others would make the compiler look them up again for each pointer.
    uint32_t* const all_entries = entries_;
    uint32_t* const all_filled = filled_;
    while (offsets != end) {
      if (end - offsets > kAhead) [[likely]] {
        const uint64_t later = offsets[kAhead] >> kRegionShift;
        __builtin_prefetch(all_entries + later * kRoom + sys::peek(all_filled[later]), 1);
      }
      const auto region = static_cast<uint32_t>(*offsets >> kRegionShift);
      uint32_t filled = sys::peek(all_filled[region]);
      if (filled == 0) [[unlikely]]
        filled = begin(region);
      uint32_t* entries = all_entries + uint64_t{region} * kRoom;
      do {
        entries[filled++] = static_cast<uint32_t>(*offsets++ & (kRegionBytes - 1));
      } while (offsets != end && *offsets >> kRegionShift == region && filled != kRoom);
      show(all_filled[region], filled);
      if (filled == kRoom) [[unlikely]]
        full(region);
    }
  }
  // The region gets a turn, though nothing may be in its bucket.
  void want(uint32_t region) { show(filled_[region], begun(region)); }
  // The region whose turn it is. Its bucket stays as it is.
  uint32_t take() {
    const uint32_t region = ring_[first_];
    first_ = first_ + 1 == room_ ? 0 : first_ + 1;
    return region;
  }
  // The next ones come first.
  void put_off() {
    const uint32_t region = take();
    append(region);
  }
  // visit(pointer) for what is in the bucket, by its distance from the region's start, and empties it. `begun` afterwards, or not.
  // Requires: by the marker whose it is.
  template <class Visit>
  void empty_one(uint32_t region, bool begun, Visit visit) {
    const uint32_t end = sys::peek(filled_[region]);
    const uint32_t from = taken_[region];
    taken_[region] = 0;
    show(filled_[region], begun ? 1 : 0);
    visit_entries(region, from, end, visit);
  }
  // The same by another marker, while it may be filled further.
  template <class Visit>
  void take_from(uint32_t region, Visit visit) {
    const uint32_t end = shown(region);
    const uint32_t from = taken_[region];
    taken_[region] = end;
    visit_entries(region, from, end, visit);
  }
  // How many pointers are in the bucket.
  uint32_t filled(uint32_t region) const {
    const uint32_t end = shown(region);
    const uint32_t from = taken_[region] > 1 ? taken_[region] : 1;
    return end > from ? end - from : 0;
  }
  // visit(region) for all in the ring.
  template <class Visit>
  void for_each(Visit visit) {
    for (uint32_t at = first_; at != last_; at = at + 1 == room_ ? 0 : at + 1) visit(ring_[at]);
  }

 private:
  // Where the next pointer goes.
  uint32_t begun(uint32_t region) {
    const uint32_t filled = sys::peek(filled_[region]);
    return filled == 0 ? begin(region) : filled;
  }
  // What a bucket that is begun counts from: 0 is for those that are not.
  uint32_t begin(uint32_t region) {
    append(region);
    return 1;
  }
  void append(uint32_t region) {
    ring_[last_] = region;
    last_ = last_ + 1 == room_ ? 0 : last_ + 1;
  }
  // Whoever sees the count sees the pointers.
  static void show(uint32_t& filled, uint32_t to) { __atomic_store_n(&filled, to, __ATOMIC_RELEASE); }
  uint32_t shown(uint32_t region) const { return __atomic_load_n(&filled_[region], __ATOMIC_ACQUIRE); }
  template <class Visit>
  void visit_entries(uint32_t region, uint32_t from, uint32_t end, Visit visit) {
    const uint32_t* entries = entries_ + uint64_t{region} * kRoom;
    for (uint32_t i = from > 1 ? from : 1; i < end; ++i) visit(entries[i]);
  }

  uint32_t* entries_ = nullptr;
  uint32_t* filled_ = nullptr;  // where the next one goes
  uint32_t* taken_ = nullptr;   // so far the other marker has emptied it
  uint32_t* ring_ = nullptr;
  uint32_t room_ = 0;
  uint32_t first_ = 0;
  uint32_t last_ = 0;
};

}  // namespace loam::collector
