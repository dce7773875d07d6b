#include "runtime/site_table.hpp"

#include "meta/arena.hpp"

namespace loam::runtime {

// Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4): blocks lie at multiples of 16.
uint32_t SiteTable::bucket_of(uint64_t block) {
  return static_cast<uint32_t>((block >> 4) * 0x9e3779b97f4a7c15u >> 51);
}

uint32_t SiteTable::take_node() {
  if (spare_ != 0) {
    const uint32_t number = spare_;
    spare_ = node(number).next;
    return number;
  }
  const uint32_t part = made_ / kNodesPerPart;
  if (part == kParts) return 0;
  if (parts_[part] == nullptr) {
    parts_[part] = static_cast<Node*>(meta::arena.allocate(kNodesPerPart * sizeof(Node)));
    if (parts_[part] == nullptr) return 0;
  }
  return ++made_;
}

bool SiteTable::remember(uint64_t block, uint32_t stack) {
  if (lock_.held_by_me()) return false;
  sys::LockGuard guard(lock_);
  uint32_t& first = buckets_[bucket_of(block)];
  for (uint32_t at = first; at != 0; at = node(at).next) {
    if (node(at).block != block) continue;
    node(at).stack = stack;
    return true;
  }
  const uint32_t number = take_node();
  if (number == 0) return false;
  node(number) = {block, stack, first};
  first = number;
  __atomic_store_n(&count_, count_ + 1, __ATOMIC_RELAXED);
  return true;
}

uint32_t SiteTable::take(uint64_t block) {
  if (count() == 0 || lock_.held_by_me()) return 0;
  sys::LockGuard guard(lock_);
  for (uint32_t* at = &buckets_[bucket_of(block)]; *at != 0; at = &node(*at).next) {
    const uint32_t number = *at;
    if (node(number).block != block) continue;
    *at = node(number).next;
    node(number).next = spare_;
    spare_ = number;
    __atomic_store_n(&count_, count_ - 1, __ATOMIC_RELAXED);
    return node(number).stack;
  }
  return 0;
}

uint32_t SiteTable::recall(uint64_t block) const {
  for (uint32_t at = buckets_[bucket_of(block)]; at != 0; at = node(at).next) {
    if (node(at).block == block) return node(at).stack;
  }
  return 0;
}

}  // namespace loam::runtime
