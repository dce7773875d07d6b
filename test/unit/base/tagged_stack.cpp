#include "base/tagged_stack.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace loam::base {
namespace {

struct Node {
  Node* next = nullptr;
  std::atomic<int> holders{0};
};

TEST(TaggedStack, LastInFirstOut) {
  TaggedStack<Node> stack;
  EXPECT_EQ(stack.pop(), nullptr);
  Node nodes[3];
  for (Node& node : nodes) stack.push(&node);
  EXPECT_EQ(stack.pop(), &nodes[2]);
  EXPECT_EQ(stack.pop(), &nodes[1]);
  stack.push(&nodes[2]);
  EXPECT_EQ(stack.pop(), &nodes[2]);
  EXPECT_EQ(stack.pop(), &nodes[0]);
  EXPECT_EQ(stack.pop(), nullptr);
}

TEST(TaggedStack, SurvivesTheTagGoingRound) {
  TaggedStack<Node> stack;
  Node a;
  Node b;
  stack.push(&a);
  stack.push(&b);
  for (int i = 0; i < 70000; ++i) {
    ASSERT_EQ(stack.pop(), &b);
    stack.push(&b);
  }
  EXPECT_EQ(stack.pop(), &b);
  EXPECT_EQ(stack.pop(), &a);
}

TEST(TaggedStack, NoNodeHasTwoHolders) {
  TaggedStack<Node> stack;
  std::vector<Node> nodes(4);
  for (Node& node : nodes) stack.push(&node);
  std::atomic<int> twice{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50000; ++i) {
        Node* node = stack.pop();
        if (node == nullptr) continue;
        if (node->holders.fetch_add(1) != 0) ++twice;
        node->holders.fetch_sub(1);
        stack.push(node);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(twice.load(), 0);
  unsigned left = 0;
  while (stack.pop() != nullptr) ++left;
  EXPECT_EQ(left, 4u);
}

}  // namespace
}  // namespace loam::base
