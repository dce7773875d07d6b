#include "base/tagged_stack.hpp"

#include <gtest/gtest.h>

#include "scheduler/scheduler.hpp"

namespace loam::scheduler {
namespace {

struct Node {
  Node* next;
  int holders;
};

// Treiber's stack as it stands in textbooks, without a tag: a pop that was overtaken takes a stale link for the new head.
template <class N, template <class> class A>
class UntaggedStack {
 public:
  void push(N* node) {
    N* head = head_.load();
    do {
      node->next = head;
    } while (!head_.compare_exchange_weak(head, node));
  }
  N* pop() {
    N* head = head_.load();
    while (head != nullptr) {
      N* next = head->next;
      if (head_.compare_exchange_weak(head, next)) return head;
    }
    return nullptr;
  }

 private:
  A<N*> head_{nullptr};
};

constexpr size_t kNodes = 3;

template <class Stack>
class Exercise {
 public:
  std::string run_with(uint64_t seed, size_t threads) {
    for (Node& node : nodes_) stack_.push(&node);
    std::vector<std::function<void()>> bodies(threads, [this] { work(); });
    run(seed, bodies);
    size_t left = 0;
    for (Node* node = stack_.pop(); node != nullptr && left <= kNodes; node = stack_.pop()) {
      hold(*node);
      ++left;
    }
    if (wrong_.empty() && left != kNodes) wrong_ = "a node was lost";
    return wrong_;
  }

 private:
  // Takes two, gives them back in the other order: what makes a stale link plausible.
  void work() {
    for (int i = 0; i < 3; ++i) {
      Node* first = take();
      Node* second = take();
      if (first != nullptr) give(*first);
      if (second != nullptr) give(*second);
    }
  }

  Node* take() {
    Node* node = stack_.pop();
    if (node != nullptr) hold(*node);
    return node;
  }

  void hold(Node& node) {
    if (++node.holders != 1) wrong_ = "a node has two holders";
  }

  void give(Node& node) {
    --node.holders;
    stack_.push(&node);
  }

  Stack stack_;
  Node nodes_[kNodes] = {};
  std::string wrong_;
};

using Tagged = base::TaggedStack<Node, Atomic>;
using Untagged = UntaggedStack<Node, Atomic>;

TEST(SchedulerTaggedStack, TwoThreads) {
  const auto found = explore("tagged_stack, two threads", 10000,
                             [](uint64_t seed) { return Exercise<Tagged>().run_with(seed, 2); });
  EXPECT_EQ(found.wrong, "");
}

TEST(SchedulerTaggedStack, ThreeThreads) {
  const auto found = explore("tagged_stack, three threads", 10000,
                             [](uint64_t seed) { return Exercise<Tagged>().run_with(seed, 3); });
  EXPECT_EQ(found.wrong, "");
}

TEST(SchedulerTaggedStack, FindsAbaWithoutTheTag) {
  const auto found = explore("a stack without a tag", 10000,
                             [](uint64_t seed) { return Exercise<Untagged>().run_with(seed, 2); });
  EXPECT_NE(found.wrong, "");
  EXPECT_EQ(Exercise<Untagged>().run_with(found.seed, 2), found.wrong);
}

}  // namespace
}  // namespace loam::scheduler
