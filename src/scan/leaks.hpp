// Sorts the blocks that no root reaches: which of them are heads of what was lost, which hang on those, and which only a
// dead-looking place still points to.
//
// A leaked block that no other leaked block points to is definite; what can be reached from it is indirect, with it as owner.
// In a ring, where each is pointed to, and which hangs on nothing else, one is taken for the head.
// Owns nothing but what it took from the scratch. Locking: none; the process stands still.
#pragma once

#include <cstdint>

#include "scan/block_map.hpp"
#include "scan/marker.hpp"
#include "scan/readable.hpp"
#include "scan/roots.hpp"

namespace loam::scan {

enum class LeakKind : uint8_t {
  kDefinite,
  kIndirect,
  kDeadSlot,          // only a dead-looking place points to it
  kDeadSlotIndirect,  // only reached through such a block
};

struct Leak {
  uint32_t number;
  LeakKind kind;
  uint32_t owner;   // index of the head that it hangs on; its own for a head
  uint32_t parent;  // index of the block that points to it; its own for a head
};

// Blocks of a size class that are reachable.
struct Reachable {
  uint64_t blocks;
  uint64_t bytes;
};

class Leaks {
 public:
  static constexpr unsigned kMostClasses = 160;

  Leaks(const BlockMap& map, const Readable& readable) : map_(map), readable_(readable) {}

  // Marks from the roots and sorts what is left. Returns false when there is no memory.
  bool find(Roots& roots, Scratch& scratch);

  // Sorts what a marking has left: `lost` is what no root certainly reaches, `leaked` what not even a weak one does.
  // Returns false when there is no memory.
  bool sort(const BlockSet& lost, const BlockSet& leaked, Scratch& scratch);

  uint32_t count() const { return count_; }
  const Leak& at(uint32_t index) const { return leaks_[index]; }
  // Whether the live block of that number is none of the reachable ones.
  bool is_lost(uint32_t number) const { return lost_.contains(number); }
  const Reachable& reachable(unsigned class_index) const { return reachable_[class_index]; }
  uint64_t words_read() const { return words_read_; }
  uint64_t mark_ns() const { return mark_ns_; }
  uint64_t mark_cpu_ns() const { return mark_cpu_ns_; }
  uint64_t sort_ns() const { return sort_ns_; }

 private:
  struct Visit {
    Leaks* leaks;
    uint32_t from;
  };

  bool make_table(Scratch& scratch, const BlockSet& lost, const BlockSet& leaked);
  void count_reachable(const BlockSet& lost);
  // Index of the leak that the word points to, kNone if it points to none.
  uint32_t leak_at(uint64_t word) const;
  void for_each_target(uint32_t from, void (*visit)(uint32_t target, Visit&));
  void connect();
  void spread(uint32_t head);
  void adopt(uint32_t target, uint32_t from);
  bool same_side(uint32_t a, uint32_t b) const { return is_dead_slot(a) == is_dead_slot(b); }
  bool is_dead_slot(uint32_t index) const { return leaks_[index].kind >= LeakKind::kDeadSlot; }

  static constexpr uint32_t kNone = ~uint32_t{0};

  const BlockMap& map_;
  const Readable& readable_;
  BlockSet lost_;
  uint32_t* ranks_ = nullptr;  // leaks in front of each word of the set
  Leak* leaks_ = nullptr;
  uint32_t count_ = 0;
  uint32_t* stack_ = nullptr;
  uint32_t top_ = 0;
  uint32_t head_ = 0;  // from which it is being spread
  BlockSet pointed_;   // by index
  BlockSet done_;      // by index
  uint64_t words_read_ = 0;
  uint64_t mark_ns_ = 0;
  uint64_t mark_cpu_ns_ = 0;
  uint64_t sort_ns_ = 0;
  Reachable reachable_[kMostClasses] = {};
};

}  // namespace loam::scan
