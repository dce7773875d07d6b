#include "base/mpsc_list.hpp"

#include <gtest/gtest.h>

#include "scheduler/scheduler.hpp"

namespace loam::scheduler {
namespace {

struct Node {
  Node* next;
  int pusher;
  int number;
  int taken;
};

// Pushes without an exchange: what two pushers read at once, one of them loses.
template <class N, template <class> class A>
class LosingList {
 public:
  void push(N* node) {
    node->next = head_.load();
    head_.store(node);
  }
  void push_chain(N* first, N* last) {
    last->next = head_.load();
    head_.store(first);
  }
  N* take_all() { return head_.exchange(nullptr); }
  bool empty() const { return head_.load() == nullptr; }

 private:
  A<N*> head_{nullptr};
};

constexpr int kEach = 4;

template <class List>
std::string drain(List& list) {
  int newest[2] = {0, 0};
  for (Node* node = list.take_all(); node != nullptr; node = node->next) {
    if (++node->taken != 1) return "a node was taken twice";
    int& newer = newest[node->pusher];
    if (newer != 0 && node->number >= newer) return "a pusher's nodes are out of order";
    newer = node->number;
  }
  return {};
}

template <class List>
std::string trial(uint64_t seed, bool with_taker) {
  List list;
  Node nodes[2][kEach] = {};
  std::string wrong;
  const auto push = [&](int pusher) {
    for (int i = 0; i < kEach; ++i) {
      nodes[pusher][i].pusher = pusher;
      nodes[pusher][i].number = i + 1;
    }
    list.push(&nodes[pusher][0]);
    nodes[pusher][2].next = &nodes[pusher][1];  // two at once
    list.push_chain(&nodes[pusher][2], &nodes[pusher][1]);
    list.push(&nodes[pusher][3]);
  };
  const auto take = [&] {
    for (int i = 0; i < 4; ++i) {
      const std::string found = drain(list);
      if (!found.empty()) wrong = found;
    }
  };
  std::vector<std::function<void()>> bodies = {[&] { push(0); }, [&] { push(1); }};
  if (with_taker) bodies.emplace_back(take);
  run(seed, bodies);
  const std::string found = drain(list);
  if (!found.empty()) wrong = found;
  for (const auto& row : nodes) {
    for (const Node& node : row) {
      if (node.taken != 1) wrong = "a node was lost";
    }
  }
  return wrong;
}

TEST(SchedulerMpscList, TwoPushers) {
  const auto found = explore("mpsc_list, two pushers", 5000,
                             [](uint64_t seed) { return trial<base::MpscList<Node, Atomic>>(seed, false); });
  EXPECT_EQ(found.wrong, "");
}

TEST(SchedulerMpscList, TwoPushersAndTheTaker) {
  const auto found = explore("mpsc_list, two pushers and the taker", 10000,
                             [](uint64_t seed) { return trial<base::MpscList<Node, Atomic>>(seed, true); });
  EXPECT_EQ(found.wrong, "");
}

TEST(SchedulerMpscList, FindsALosingList) {
  const auto found = explore("a list that loses", 5000,
                             [](uint64_t seed) { return trial<LosingList<Node, Atomic>>(seed, true); });
  EXPECT_NE(found.wrong, "");
  // The seed alone repeats it.
  EXPECT_EQ((trial<LosingList<Node, Atomic>>(found.seed, true)), found.wrong);
}

}  // namespace
}  // namespace loam::scheduler
