// Blocks of the real heap that point to each other, and what an oracle that knows every edge says of them.
#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "support/heap.hpp"

namespace loam::test {

struct Node {
  uint64_t* block = nullptr;
  uint64_t words = 0;
  std::set<size_t> targets;
};

class BlockGraph {
 public:
  explicit BlockGraph(uint64_t seed) : random_(seed) {}

  uint64_t pick(uint64_t below) { return random_() % below; }

  size_t add(HeapUser& heap, size_t bytes) {
    Node node;
    node.block = static_cast<uint64_t*>(heap.allocate(bytes));
    node.words = heap::find_size(node.block) / 8;
    for (uint64_t i = 0; i < node.words; ++i) node.block[i] = 0;
    nodes_.push_back(node);
    return nodes_.size() - 1;
  }

  // The pointer may lead to any byte of the target.
  void link(size_t from, size_t to) {
    const uint64_t bytes = heap::find_size(nodes_[to].block);
    uint64_t& word = nodes_[from].block[pick(nodes_[from].words)];
    if (word != 0) return;
    word = reinterpret_cast<uint64_t>(nodes_[to].block) + pick(bytes);
    nodes_[from].targets.insert(to);
  }

  void free_all(HeapUser& heap) {
    for (Node& node : nodes_) heap.release(node.block);
    nodes_.clear();
  }

  std::set<size_t> reach(const std::set<size_t>& roots) const {
    std::set<size_t> seen;
    std::vector<size_t> stack(roots.begin(), roots.end());
    while (!stack.empty()) {
      const size_t at = stack.back();
      stack.pop_back();
      if (!seen.insert(at).second) continue;
      stack.insert(stack.end(), nodes_[at].targets.begin(), nodes_[at].targets.end());
    }
    return seen;
  }

  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  std::mt19937_64 random_;
  std::vector<Node> nodes_;
};

}  // namespace loam::test
