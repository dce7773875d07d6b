// A lock-free stack of nodes that are never unmapped, for pools of metadata. A 16-bit tag in the unused high bits of
// the head pointer changes with every pop: a pop that was overtaken (ABA) fails its exchange unless exactly 65,536
// pops happened in between. State is valid when zero.
#pragma once

#include <atomic>
#include <cstdint>

namespace loam::base {

// Requires: Node has a member `Node* next`; nodes stay readable for ever (a slow pop may read a popped node's link);
// addresses fit 48 bits.
template <class Node, template <class> class Atomic = std::atomic>
class TaggedStack {
 public:
  void push(Node* node) {
    uint64_t head = head_.load(std::memory_order_relaxed);
    uint64_t desired;
    do {
      __atomic_store_n(&node->next, pointer(head), __ATOMIC_RELAXED);
      desired = (head & kTagMask) | reinterpret_cast<uint64_t>(node);
    } while (
        !head_.compare_exchange_weak(head, desired, std::memory_order_release, std::memory_order_relaxed));
  }

  // Returns a node, or null when there is none.
  Node* pop() {
    uint64_t head = head_.load(std::memory_order_acquire);
    while (pointer(head) != nullptr) {
      // Another thread may pop this node and overwrite its link meanwhile; the tag makes the exchange fail then.
      Node* next = __atomic_load_n(&pointer(head)->next, __ATOMIC_RELAXED);
      const uint64_t desired = ((head & kTagMask) + kTagStep) | reinterpret_cast<uint64_t>(next);
      if (head_.compare_exchange_weak(head, desired, std::memory_order_acquire, std::memory_order_acquire))
        return pointer(head);
    }
    return nullptr;
  }

 private:
  static constexpr uint64_t kTagStep = uint64_t{1} << 48;
  static constexpr uint64_t kTagMask = ~(kTagStep - 1);

  static Node* pointer(uint64_t head) { return reinterpret_cast<Node*>(head & ~kTagMask); }

  Atomic<uint64_t> head_{0};
};

}  // namespace loam::base
