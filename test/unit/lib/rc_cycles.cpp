#include <gtest/gtest.h>
#include <loam/rc_cycles.hpp>

#include <algorithm>
#include <ctime>
#include <map>
#include <optional>
#include <thread>
#include <vector>

namespace loam {
namespace {

struct node {
  static inline int alive = 0;
  rc<node> next;
  rc<node> previous;
  node() { ++alive; }
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node() { --alive; }
  LOAM_RC_FIELDS(next, previous)
};

class RcCycles : public testing::Test {
 protected:
  void SetUp() override {
    collect_cycles();
    node::alive = 0;
  }
  void TearDown() override {
    collect_cycles();
    EXPECT_EQ(node::alive, 0);
  }
};

rc<node> ring(int count) {
  rc<node> first = make_rc<node>();
  rc<node> last = first;
  for (int i = 1; i < count; ++i) {
    rc<node> fresh = make_rc<node>();
    fresh->previous = last;
    last->next = fresh;
    last = std::move(fresh);
  }
  last->next = first;
  return first;
}

TEST_F(RcCycles, RingGoesWhenNobodyHoldsIt) {
  rc<node> held = ring(3);
  EXPECT_EQ(collect_cycles(), 0u);
  EXPECT_EQ(node::alive, 3);
  held.reset();
  EXPECT_EQ(node::alive, 3);
  EXPECT_EQ(collect_cycles(), 3u);
  EXPECT_EQ(cycle_candidates(), 0u);
}

TEST_F(RcCycles, OwnReference) {
  rc<node> self = make_rc<node>();
  self->next = self;
  self->previous = self;
  self.reset();
  EXPECT_EQ(collect_cycles(), 1u);
}

TEST_F(RcCycles, WhatHangsOnARingGoesAndWhatHoldsItKeepsIt) {
  rc<node> held = ring(2);
  rc<node> tail = make_rc<node>();
  held->previous = tail;  // hangs on the ring
  rc<node> outer = ring(2);
  outer->previous = held;  // a ring that holds it
  held.reset();
  EXPECT_EQ(collect_cycles(), 0u);
  outer.reset();
  EXPECT_EQ(collect_cycles(), 4u);
  EXPECT_EQ(node::alive, 1);
  EXPECT_EQ(tail.use_count(), 1u);
}

TEST_F(RcCycles, AMillionNodesWithoutRecursion) {
  constexpr int kNodes = 1'000'000;
  rc<node> held = ring(kNodes);
  EXPECT_EQ(collect_cycles(), 0u);
  held.reset();
  EXPECT_EQ(collect_cycles(), static_cast<std::size_t>(kNodes));
}

TEST_F(RcCycles, WeakReferencesOfGarbageAreNull) {
  rc<node> held = ring(2);
  const weak_rc<node> weak = held;
  held.reset();
  EXPECT_NE(weak.lock(), nullptr);
  EXPECT_EQ(collect_cycles(), 2u);
  EXPECT_EQ(weak.lock(), nullptr);
}

struct child;
struct family {
  static inline int alive = 0;
  std::vector<rc<child>> children;
  std::map<int, rc<child>> by_name;
  std::optional<rc<child>> favourite;
  std::pair<int, alias_rc<child>> pair;
  struct nested {
    rc<family> self;
    LOAM_RC_FIELDS(self)
  } inside;
  local_rc<child> local;
  family() { ++alive; }
  family(const family&) = delete;
  family& operator=(const family&) = delete;
  ~family() { --alive; }
  LOAM_RC_FIELDS(children, by_name, favourite, pair, inside, local)
};
struct child {
  rc<family> parent;
  static inline int met_null = 0;
  ~child() { met_null += parent == nullptr ? 1 : 0; }
  LOAM_RC_FIELDS(parent)
};
TEST_F(RcCycles, ContainersAndAliases) {
  rc<family> parent = make_rc<family>();
  const auto make_child = [&] {
    rc<child> fresh = make_rc<child>();
    fresh->parent = parent;
    return fresh;
  };
  for (int i = 0; i < 3; ++i) parent->children.push_back(make_child());
  parent->by_name[1] = make_child();
  parent->favourite = make_child();
  rc<child> last = make_child();
  parent->pair = {1, alias_rc<child>(last, last.get())};
  parent->inside.self = parent;
  parent->local = make_local_rc<child>();
  parent->local->parent = parent;
  last.reset();
  child::met_null = 0;
  parent.reset();
  EXPECT_EQ(collect_cycles(), 8u);
  EXPECT_EQ(family::alive, 0);
  EXPECT_EQ(child::met_null, 7);
}

struct leaf {};
struct holder {
  rc<holder> self;
  rc<leaf> acyclic;
  LOAM_RC_FIELDS(self, acyclic)
};
TEST_F(RcCycles, AcyclicTypesAreNoCandidates) {
  const rc<leaf> one = make_rc<leaf>();
  {
    const rc<leaf> copy = one;
  }
  EXPECT_EQ(cycle_candidates(), 0u);
  rc<holder> ring_of_one = make_rc<holder>();
  ring_of_one->self = ring_of_one;
  ring_of_one->acyclic = one;
  ring_of_one.reset();
  EXPECT_EQ(cycle_candidates(), 1u);
  EXPECT_EQ(collect_cycles(), 1u);
  EXPECT_EQ(one.use_count(), 1u);
}

// Objects that go by counting while they are candidates leave no memory behind for long.
TEST_F(RcCycles, DeadCandidatesAreDropped) {
  std::vector<rc<node>> others;
  for (int i = 0; i < 100'000; ++i) {
    rc<node> first = make_rc<node>();
    rc<node> second = make_rc<node>();
    {
      const rc<node> copy = first;
    }
    {
      const rc<node> copy = second;
    }
    first.reset();
  }
  EXPECT_LT(cycle_candidates(), 1'000u);
}

TEST_F(RcCycles, StepsAreBounded) {
  constexpr int kRings = 10'000;
  rc<node> big = ring(100'000);  // live, and looked at
  for (int i = 0; i < kRings; ++i) {
    rc<node> first = ring(2);
    first->previous = big;
  }
  const auto cpu_ns = [] {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  };
  std::size_t destroyed = 0;
  std::vector<std::int64_t> steps;
  for (bool done = false; !done;) {
    const std::int64_t start = cpu_ns();
    const cycle_progress progress = collect_cycles(std::chrono::microseconds(300));
    steps.push_back(cpu_ns() - start);
    destroyed += progress.destroyed;
    done = progress.done;
    big->next->next->previous = big->next;  // the program goes on in between
  }
  EXPECT_EQ(destroyed, 2u * kRings);
  EXPECT_GT(steps.size(), 10u);
  // All but a few, that a busy machine has disturbed.
  std::sort(steps.begin(), steps.end());
  EXPECT_LT(steps[steps.size() * 9 / 10], 3'000'000);
  big.reset();
}

TEST_F(RcCycles, BaseTypesFindTheTraceOfWhatTheyPointTo) {
  struct base {
    virtual ~base() = default;
  };
  struct derived : base {
    rc<base> next;
    void trace(rc_tracer& tracer) { tracer(next); }
  };
  rc<derived> first = make_rc<derived>();
  rc<base> second = first;
  first->next = second;
  first.reset();
  second.reset();
  EXPECT_EQ(collect_cycles(), 1u);
}

TEST_F(RcCycles, CandidatesOfThreadsThatHaveEnded) {
  std::thread([] { ring(5); }).join();
  EXPECT_EQ(node::alive, 5);
  EXPECT_EQ(collect_cycles(), 5u);
}

TEST_F(RcCycles, ReferencesOfOtherThreadsCount) {
  rc<node> held = ring(4);
  rc<node> elsewhere;
  std::thread([&] { elsewhere = held; }).join();
  held.reset();
  EXPECT_EQ(collect_cycles(), 0u);
  EXPECT_EQ(node::alive, 4);
  std::thread([&] { elsewhere.reset(); }).join();
  rc_settle();
  EXPECT_EQ(collect_cycles(), 4u);
}

struct liar {
  rc<liar> next;
  void trace(rc_tracer& tracer) {
    tracer(next);
    tracer(next);
  }
};
TEST_F(RcCycles, TraceThatTellsTooMuchIsRefused) {
  EXPECT_DEATH(
      {
        rc<liar> self = make_rc<liar>();
        self->next = self;
        self.reset();
        collect_cycles();
      },
      "more references than there are");
}

// A destructor of a cycle may make, drop and collect.
struct busy {
  rc<busy> self;
  static inline int alive = 0;
  static inline std::vector<rc<node>> made;
  busy() { ++alive; }
  busy(const busy&) = delete;
  busy& operator=(const busy&) = delete;
  ~busy() {
    --alive;
    made.push_back(ring(2));
    EXPECT_EQ(collect_cycles(), 0u);
  }
  LOAM_RC_FIELDS(self)
};
TEST_F(RcCycles, DestructorsMayDoAnything) {
  for (int i = 0; i < 10; ++i) {
    rc<busy> each = make_rc<busy>();
    each->self = each;
  }
  EXPECT_EQ(collect_cycles(), 10u);
  EXPECT_EQ(node::alive, 20);
  busy::made.clear();
}

}  // namespace
}  // namespace loam
