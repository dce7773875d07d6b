// Free blocks on their way home, in parcels: the thread that freed them collects addresses per owner and posts them as
// one list, so that a block costs no exchange on a shared word and its memory is not touched.
// Invariant: a parcel belongs to one thread at a time: filled by the sender, then in the owner's inbox, then in the
// pool. Parcels are never unmapped.
#pragma once

#include <cstdint>

#include "base/tagged_stack.hpp"
#include "meta/arena.hpp"

namespace loam::heap {

struct ThreadHeap;

struct Parcel {
  static constexpr unsigned kItems = 124;

  Parcel* next;
  ThreadHeap* owner;
  uint32_t count;
  uint32_t bytes;
  void* items[kItems];

  // Requires: count < kItems.
  void add(void* block, uint32_t block_bytes) {
    items[count++] = block;
    bytes += block_bytes;
  }

  void clear(ThreadHeap* to) {
    owner = to;
    count = 0;
    bytes = 0;
  }
};

static_assert(sizeof(Parcel) <= 1024);

inline constinit base::TaggedStack<Parcel> parcel_pool;

// Returns an empty parcel for `owner`, or null when out of memory. Thread-safe, lock-free but for a new chunk.
inline Parcel* take_parcel(ThreadHeap* owner) {
  Parcel* parcel = parcel_pool.pop();
  if (parcel == nullptr) parcel = static_cast<Parcel*>(meta::arena.allocate(sizeof(Parcel)));
  if (parcel != nullptr) parcel->clear(owner);
  return parcel;
}

}  // namespace loam::heap
