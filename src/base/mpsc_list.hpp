// An intrusive list that many threads push to and one takes whole (Treiber's stack without a single pop, hence
// without the ABA problem). State is valid when zero; lock-free and safe in signal handlers.
#pragma once

#include <atomic>

namespace loam::base {

// Requires: Node has a member `Node* next` that belongs to the list while the node is in it.
// `Atomic` is a parameter so that the scheduler test can interleave every single access.
template <class Node, template <class> class Atomic = std::atomic>
class MpscList {
 public:
  void push(Node* node) { push_chain(node, node); }

  // Effects: all nodes from `first` to `last`, linked through next, become visible to the taker at once.
  void push_chain(Node* first, Node* last) {
    Node* head = head_.load(std::memory_order_relaxed);
    do {
      // Atomic, since a node may come from a TaggedStack, where a slow pop still reads its link.
      __atomic_store_n(&last->next, head, __ATOMIC_RELAXED);
      // Release pairs with the acquire in take_all: the taker sees what the pusher wrote into the nodes.
    } while (!head_.compare_exchange_weak(head, first, std::memory_order_release, std::memory_order_relaxed));
  }

  // Returns the nodes, newest first, or null. Wait-free.
  Node* take_all() {
    if (empty()) return nullptr;
    return head_.exchange(nullptr, std::memory_order_acquire);
  }

  bool empty() const { return head_.load(std::memory_order_relaxed) == nullptr; }

 private:
  Atomic<Node*> head_{nullptr};
};

}  // namespace loam::base
