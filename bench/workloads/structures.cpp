// Linked structures that are built and then walked: how the placement of blocks helps or hurts the cache.
#include <array>
#include <map>
#include <memory>
#include <vector>

#include "workloads/workload.hpp"

namespace loam::bench {
namespace {

// A tree whose nodes are inserted in random order, looked up, half erased and refilled, and walked in order.
Result tree() {
  constexpr std::size_t kKeys = 150'000;
  constexpr int kRounds = 2;
  Random random(11);
  std::map<std::uint64_t, std::array<std::uint64_t, 3>> nodes;
  Result result;
  for (int round = 0; round < kRounds; ++round) {
    while (nodes.size() < kKeys)
      nodes.try_emplace(random.next() >> 40U, std::array<std::uint64_t, 3>{1, 2, 3});
    for (int walk = 0; walk < 3; ++walk) {
      for (const auto& [key, value] : nodes) result.checksum += key ^ value[1];
    }
    for (auto node = nodes.begin(); node != nodes.end();) {
      node = (random.next() >> 63U) != 0 ? nodes.erase(node) : std::next(node);
    }
  }
  return result;
}

struct BinaryNode {
  std::unique_ptr<BinaryNode> left, right;
};

std::unique_ptr<BinaryNode> build(int depth) {
  auto node = std::make_unique<BinaryNode>();
  if (depth > 0) {
    node->left = build(depth - 1);
    node->right = build(depth - 1);
  }
  return node;
}

std::uint64_t count(const BinaryNode& node) {
  return node.left ? 1 + count(*node.left) + count(*node.right) : 1;
}

// Perfect binary trees, one long-lived beside many short-lived ones.
Result binary_trees() {
  constexpr int kDepth = 15;
  Result result;
  const auto long_lived = build(kDepth);
  for (int depth = 4; depth <= kDepth; depth += 2) {
    const int trees = 1 << (kDepth - depth + 6);
    for (int i = 0; i < trees; ++i) result.checksum += count(*build(depth));
  }
  result.checksum += count(*long_lived);
  return result;
}

// A graph whose adjacency lists grow by push_back in random order; then breadth-first walks over it.
struct Vertex {
  std::uint32_t mark = 0;
  std::uint32_t weight = 0;
  std::vector<Vertex*> neighbours;
};

std::uint64_t walk(Vertex* start, std::uint32_t mark, std::size_t limit) {
  std::vector<Vertex*> front{start};
  std::uint64_t sum = 0;
  start->mark = mark;
  for (std::size_t i = 0; i < front.size() && front.size() < limit; ++i) {
    sum += front[i]->weight;
    for (Vertex* next : front[i]->neighbours) {
      if (next->mark == mark) continue;
      next->mark = mark;
      front.push_back(next);
    }
  }
  return sum;
}

Result graph() {
  constexpr std::size_t kVertices = 120'000;
  constexpr std::size_t kEdges = 2'000'000;
  Random random(13);
  std::vector<std::unique_ptr<Vertex>> vertices;
  for (std::size_t i = 0; i < kVertices; ++i) {
    vertices.push_back(std::make_unique<Vertex>());
    vertices.back()->weight = static_cast<std::uint32_t>(i);
  }
  for (std::size_t i = 0; i < kEdges; ++i) {
    Vertex* from = vertices[random.below(kVertices)].get();
    from->neighbours.push_back(vertices[random.below(kVertices)].get());
  }
  Result result;
  for (std::uint32_t mark = 1; mark <= 6; ++mark) {
    result.checksum += walk(vertices[random.below(kVertices)].get(), mark, kVertices / 2);
  }
  return result;
}

constexpr std::array kWorkloads{
    Workload{"tree", false, "std::map filled, walked in order, half erased, refilled", tree},
    Workload{"binary-trees", false, "perfect binary trees, short-lived beside one long-lived", binary_trees},
    Workload{"graph", false, "adjacency lists grown in random order, then walked", graph},
};

}  // namespace

std::span<const Workload> structure_workloads() { return kWorkloads; }

}  // namespace loam::bench
