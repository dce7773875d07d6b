// Memory about memory: the heap's records come from here, never from the heap itself. Owns mappings of its own, gives
// out zeroed pieces and takes none back; whoever needs reuse keeps a pool of records.
// Invariant: what was given out stays readable for ever, so a stale pointer to a record is harmless to read.
// Locking: lock-free while the current chunk lasts; a lock of the highest rank for the next chunk. A signal handler that interrupts who holds it
// is served all the same.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sys/huge_pages.hpp"
#include "sys/lock.hpp"

namespace loam::meta {

class Arena {
 public:
  // Returns `bytes` zeroed bytes (at most 64 KiB) aligned to a cache line, or null when the kernel gives no more.
  void* allocate(size_t bytes);

  // From now on chunks lie side by side, on huge pages where these pay: for who reads records in no order, many of them.
  void prefer_huge_pages() {
    huge_ = true;
    huge_pages_.begin_early();
  }

  // Bytes given out, and bytes mapped for it.
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  uint64_t mapped() const { return mapped_.load(std::memory_order_relaxed); }

  // Whether the address lies in a chunk of the arena.
  bool owns(const void* address) const;

  // The chunks, the newest first; after the oldest comes null. Each tells the one made before it in its first line, so
  // that no table of them takes room in a library that most programs fill one chunk of.
  static constexpr size_t kChunk = size_t{1} << 20;
  const char* newest_chunk() const { return newest_.load(std::memory_order_acquire); }
  static const char* chunk_before(const char* chunk) { return *reinterpret_cast<const char* const*>(chunk); }

  sys::Lock& lock() { return lock_; }

 private:
  static constexpr size_t kLine = 64;

  // Of the memory side by side: room for four huge pages at a time.
  static constexpr size_t kHugePage = size_t{2} << 20;
  static constexpr size_t kArea = 4 * kHugePage;

  bool add_chunk(uint64_t seen_end);
  void* allocate_inside(uint64_t bytes);
  void enlist(char* chunk);
  char* map_chunk();
  bool open_area();

  std::atomic<uint64_t> next_{0};
  std::atomic<uint64_t> end_{0};
  std::atomic<uint64_t> used_{0};
  std::atomic<uint64_t> mapped_{0};
  std::atomic<char*> newest_{nullptr};
  char* spare_ = nullptr;  // mapped, not yet a chunk; under the lock
  char* area_ = nullptr;   // what is left of the memory side by side; under the lock
  char* area_end_ = nullptr;
  bool huge_ = false;
  sys::HugePages huge_pages_;  // under the lock
  sys::RankedLock<sys::LockRank::kMetadata> lock_;
};

extern constinit Arena arena;

}  // namespace loam::meta
