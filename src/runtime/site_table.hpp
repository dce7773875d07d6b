// Block address to the id of the stack that allocated it, for the blocks that are remembered one by one.
// Invariant: an address is in at most one node. Nodes and buckets are never given back; what is forgotten serves again.
// Locking: one lock, held for the length of a chain. A signal handler that interrupted the holder changes nothing and is told so.
// In the copy of the process that searches for leaks recall() needs no lock: nobody else runs, and the copy was made while the
// lock was free.
#pragma once

#include <cstdint>

#include "sys/lock.hpp"

namespace loam::runtime {

class SiteTable {
 public:
  // Returns false when there is no memory, or when the handler of a signal that interrupted the holder asks. O(chain).
  bool remember(uint64_t block, uint32_t stack);
  // Forgets the block. Returns what recall() would have, 0 in that handler too.
  uint32_t take(uint64_t block);
  // 0 if the block is not remembered. Requires: the lock is free or held by somebody who does not run.
  uint32_t recall(uint64_t block) const;

  uint64_t count() const { return __atomic_load_n(&count_, __ATOMIC_RELAXED); }
  sys::Lock& lock() { return lock_; }

 private:
  struct Node {
    uint64_t block;
    uint32_t stack;
    uint32_t next;  // number of the next node plus one, 0 at the end
  };
  static constexpr uint32_t kBuckets = 8192;
  static constexpr uint32_t kNodesPerPart = 256;  // a page of them
  static constexpr uint32_t kParts = 4096;

  static uint32_t bucket_of(uint64_t block);
  Node& node(uint32_t number) const {
    return parts_[(number - 1) / kNodesPerPart][(number - 1) % kNodesPerPart];
  }
  uint32_t take_node();

  uint32_t buckets_[kBuckets] = {};
  Node* parts_[kParts] = {};
  uint32_t made_ = 0;
  uint32_t spare_ = 0;  // chain of nodes that serve again
  uint64_t count_ = 0;
  sys::RankedLock<sys::LockRank::kSites> lock_;
};

}  // namespace loam::runtime
