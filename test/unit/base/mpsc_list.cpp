#include "base/mpsc_list.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace loam::base {
namespace {

struct Node {
  Node* next = nullptr;
  int value = 0;
};

TEST(MpscList, TakesNewestFirst) {
  MpscList<Node> list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.take_all(), nullptr);
  Node nodes[3];
  for (Node& node : nodes) list.push(&node);
  EXPECT_FALSE(list.empty());
  const Node* taken = list.take_all();
  EXPECT_EQ(taken, &nodes[2]);
  EXPECT_EQ(taken->next, &nodes[1]);
  EXPECT_EQ(taken->next->next, &nodes[0]);
  EXPECT_EQ(nodes[0].next, nullptr);
  EXPECT_TRUE(list.empty());
}

TEST(MpscList, PushesChainsWhole) {
  MpscList<Node> list;
  Node old;
  Node chain[3];
  list.push(&old);
  chain[0].next = &chain[1];
  chain[1].next = &chain[2];
  list.push_chain(&chain[0], &chain[2]);
  EXPECT_EQ(list.take_all(), &chain[0]);
  EXPECT_EQ(chain[2].next, &old);
}

TEST(MpscList, ThreadsLoseNothing) {
  constexpr int kEach = 20000;
  MpscList<Node> list;
  std::vector<Node> nodes(3 * kEach);
  std::vector<std::thread> pushers;
  for (int t = 0; t < 3; ++t) {
    pushers.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        Node& node = nodes[static_cast<size_t>(t * kEach + i)];
        node.value = i + 1;
        list.push(&node);
      }
    });
  }
  int taken = 0;
  while (taken < 3 * kEach) {
    for (Node* node = list.take_all(); node != nullptr;) {
      Node* next = node->next;
      EXPECT_GT(node->value, 0);
      node->value = 0;  // seen: a second time would fail
      ++taken;
      node = next;
    }
  }
  for (std::thread& thread : pushers) thread.join();
  EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace loam::base
