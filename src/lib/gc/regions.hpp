// Which objects wait to be read, so that they are found again without looking at all bits: for each block its words of bits that have some,
// and for each region of 32 blocks the blocks that have such words.
// Invariant: a word of bits has one of `waiting` exactly if its bit here is set. Owns its tables, which never move. Nothing waits between
// collections.
// Locking: a region's lock for the bits of its objects and what is told of them here, where two markers work. Whoever holds one may take
// that of a lower region.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/space.hpp"

namespace loam::collector {

constexpr uint64_t kRegionShift = 21;
constexpr uint64_t kRegionBytes = uint64_t{1} << kRegionShift;
constexpr uint32_t kRegionBlocks = static_cast<uint32_t>(kRegionBytes / kBlockBytes);
static_assert(kRegionBlocks == 32);

struct Region {
  std::atomic<uint32_t> lock;
  uint32_t blocks;             // a bit for each that has words with bits that wait
  std::atomic<uint32_t> turn;  // the last one of two markers here
};

class Regions {
 public:
  // Returns false without memory.
  bool open();

  Region& region(uint32_t number) { return regions_[number]; }
  uint64_t& words(uint32_t block) { return words_[block]; }
  static uint32_t of_block(uint32_t block) { return block / kRegionBlocks; }
  static uint32_t count_of(uint64_t bytes) {
    return static_cast<uint32_t>((bytes + kRegionBytes - 1) >> kRegionShift);
  }

  // Counts the turns of two markers in all regions.
  uint32_t next_turn() { return turns_.fetch_add(1, std::memory_order_relaxed); }
  static void lock(Region& region);
  static void unlock(Region& region) { region.lock.store(0, std::memory_order_release); }
  // Nothing waits.
  void clear();

 private:
  Region* regions_ = nullptr;
  uint64_t* words_ = nullptr;
  std::atomic<uint32_t> turns_{0};
};

extern constinit Regions regions;

}  // namespace loam::collector
