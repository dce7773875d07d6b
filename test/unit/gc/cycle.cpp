// Collections that are marked while the program runs: nothing that moves about meanwhile is lost, whoever moves it; and what may come
// between: threads that start and end, a fork, a collection that is asked for, memory that the program frees.
#include "lib/gc/cycle.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "lib/gc/generations.hpp"
#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

struct Node {
  Node* next;
  uint64_t number;  // of those behind it
};

constexpr size_t kSlots = 3000;
// In the heap: lists move from slot to slot while it is being read.
std::atomic<Node*>* volatile lists_in_slots = nullptr;

Node* make_node(Node* next) {
  auto* node = static_cast<Node*>(allocate(Kind::kNormal, sizeof(Node)));
  node->number = next != nullptr ? next->number + 1 : 0;
  node->next = next;
  return node;
}

uint64_t faults_of(const Node* list) {
  uint64_t faults = 0;
  for (; list != nullptr; list = list->next) {
    const uint64_t below = list->next != nullptr ? list->next->number + 1 : 0;
    faults += list->number != below || base_of(reinterpret_cast<uint64_t>(list)) == 0 ? 1u : 0u;
  }
  return faults;
}

// Takes a list out of one slot, and puts it, with one more in front, into another: for a moment only a register holds it.
void move_lists(uint64_t seed, uint64_t rounds, std::atomic<uint64_t>* faults) {
  std::mt19937_64 random(seed);
  std::atomic<Node*>* const slots = lists_in_slots;
  for (uint64_t i = 0; i < rounds; ++i) {
    Node* list = slots[random() % kSlots].exchange(nullptr);
    *faults += faults_of(list);
    if (list != nullptr && list->number > 40) list = list->next->next->next;
    slots[random() % kSlots].exchange(make_node(make_node(list)));
  }
}

// Fills the table, so that there is something to mark, and sets the collector to do it beside the program.
class GcCycle : public testing::Test {
 protected:
  void SetUp() override {
    start();
    before_ = heap.settings;
    heap.settings.concurrent = true;
    heap.settings.concurrent_from = 0;
    heap.settings.generations_from = 0;
    heap.settings.least_growth = uint64_t{256} << 10;
    lists_in_slots =
        static_cast<std::atomic<Node*>*>(allocate(Kind::kNormal, kSlots * sizeof(std::atomic<Node*>)));
    collect_now();
    known_ = generations.able();
    cycles_ = heap.figures.concurrent_collections;
  }
  void TearDown() override {
    // Some word on a stack may still lead to it.
    for (size_t i = 0; i < kSlots; ++i) lists_in_slots[i] = nullptr;
    lists_in_slots = nullptr;
    heap.settings = before_;
    collect_now();
    EXPECT_FALSE(cycle.going_on());
  }
  uint64_t cycles() const { return heap.figures.concurrent_collections - cycles_; }
  // Until there have been so many, however slow the machine. Where the kernel does not help there is none.
  template <class Work>
  void until_cycles(uint64_t least, Work&& work) const {
    for (uint64_t i = 0; i < 10000 && (i < 3 || (known_ && cycles() < least)); ++i) work(i);
    EXPECT_GE(cycles(), known_ ? least : 0);
  }
  // Allocates until a cycle is under way.
  void reach_a_cycle() const {
    while (known_ && !cycle.marking()) make_node(nullptr);
  }

  bool known_ = false;
  uint64_t cycles_ = 0;

 private:
  Settings before_ = {};
};

TEST_F(GcCycle, NothingThatMovesIsLost) {
  std::atomic<uint64_t> faults{0};
  until_cycles(10, [&](uint64_t i) { move_lists(i, 2000, &faults); });
  EXPECT_EQ(faults, 0u);
}

TEST_F(GcCycle, NorWhatSeveralThreadsMove) {
  std::atomic<uint64_t> faults{0};
  until_cycles(10, [&](uint64_t round) {
    std::vector<std::thread> all;
    for (uint64_t i = 0; i < 3; ++i) all.emplace_back(move_lists, 10 * round + i, 4000, &faults);
    for (std::thread& thread : all) thread.join();
  });
  EXPECT_EQ(faults, 0u);
}

TEST_F(GcCycle, GarbageGoesAndIsCounted) {
  const uint64_t reclaimed = heap.figures.reclaimed_bytes;
  const uint64_t allocated = heap.figures.allocated_bytes;
  until_cycles(5, [](uint64_t) {
    for (int i = 0; i < 100000; ++i) make_node(nullptr);
  });
  EXPECT_GT(heap.figures.reclaimed_bytes - reclaimed, (heap.figures.allocated_bytes - allocated) / 4);
}

// The marker knows the heap as it was at the beginning: what lies in newer blocks must not be waited for to be reached.
TEST_F(GcCycle, AHeapThatGrowsMeanwhileKeepsWhatIsNew) {
  static Node* volatile list;
  list = nullptr;
  until_cycles(10, [&](uint64_t) {
    reach_a_cycle();
    for (int i = 0; i < 20000; ++i) list = make_node(list);
    if (list->number > 1000000) list = nullptr;
  });
  EXPECT_EQ(faults_of(list), 0u);
  list = nullptr;
}

TEST_F(GcCycle, ACollectionThatIsAskedForBreaksOneOff) {
  std::atomic<uint64_t> faults{0};
  for (uint64_t i = 0; i < 30; ++i) {
    reach_a_cycle();
    for (uint64_t at = 0; at < 5 * i; ++at) make_node(nullptr);
    collect_now();
    EXPECT_FALSE(cycle.going_on());
    move_lists(i, 300, &faults);
  }
  EXPECT_EQ(faults, 0u);
}

TEST_F(GcCycle, AForkLeavesItToTheParent) {
  std::atomic<uint64_t> faults{0};
  move_lists(5, 5000, &faults);
  for (uint64_t i = 0; i < 6; ++i) {
    reach_a_cycle();
    const pid_t child = fork();
    if (child == 0) {
      const bool stopped = !cycle.marking();
      move_lists(i, 3000, &faults);
      collect_now();
      move_lists(i, 3000, &faults);
      _exit(stopped && faults == 0 ? 0 : 1);
    }
    move_lists(i, 3000, &faults);
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  until_cycles(1, [&](uint64_t i) { move_lists(i, 2000, &faults); });
  EXPECT_EQ(faults, 0u);
}

TEST_F(GcCycle, WhatTheProgramFreesIsServedAgain) {
  constexpr size_t kLarge = size_t{300} << 10;
  std::atomic<uint64_t> faults{0};
  const uint64_t freed = heap.figures.freed_bytes;
  for (uint64_t i = 0; i < 40; ++i) {
    auto* large = static_cast<Node**>(allocate(Kind::kNormal, kLarge));
    reach_a_cycle();
    Node* small = make_node(nullptr);
    large[kLarge / sizeof(Node*) - 1] = small;
    EXPECT_TRUE(release(reinterpret_cast<uint64_t>(large)));
    EXPECT_FALSE(release(reinterpret_cast<uint64_t>(large))) << "dead at once";
    EXPECT_TRUE(release(reinterpret_cast<uint64_t>(small)));
    move_lists(i, 500, &faults);
  }
  EXPECT_GE(heap.figures.freed_bytes, freed + 40 * kLarge);
  EXPECT_EQ(faults, 0u);
  collect_now();
  EXPECT_LT(heap.figures.live_bytes, uint64_t{8} << 20) << "what was freed is not live";
}

TEST_F(GcCycle, NoneEndsWhileCollectionsAreForbidden) {
  reach_a_cycle();
  ++heap.settings.disabled;
  const uint64_t collections = heap.figures.collections;
  for (int i = 0; i < 200000; ++i) make_node(nullptr);
  EXPECT_EQ(heap.figures.collections, collections);
  --heap.settings.disabled;
  for (int i = 0; i < 200000; ++i) make_node(nullptr);
  EXPECT_GT(heap.figures.collections, collections);
}

TEST_F(GcCycle, LinksAreClearedBeforeFinalizersRun) {
  static std::atomic<uint64_t> finalized{0};
  static std::atomic<uint64_t> uncleared{0};
  static uint64_t* volatile links;
  constexpr uint64_t kCount = 100;
  finalized = uncleared = 0;
  links = static_cast<uint64_t*>(allocate(Kind::kAtomic, kCount * sizeof(uint64_t)));
  elsewhere([] {
    for (uint64_t i = 0; i < kCount; ++i) {
      links[i] = reinterpret_cast<uint64_t>(make_node(nullptr));
      const sys::LockGuard guard(heap.lock);
      finalizers.add_link(reinterpret_cast<uint64_t>(&links[i]), links[i], false);
      finalizers.set(
          links[i],
          [](void*, void* link) {
            ++finalized;
            if (*static_cast<uint64_t*>(link) != 0) ++uncleared;
          },
          &links[i], Order::kNone, nullptr, nullptr);
    }
  });
  until_cycles(3, [](uint64_t) {
    for (int i = 0; i < 20000; ++i) make_node(nullptr);
  });
  EXPECT_GE(finalized, known_ ? kCount - 5 : 0);
  EXPECT_EQ(uncleared, 0u);
  links = nullptr;
}

// Its pointer lies in memory from malloc, which the program changes as it likes.
struct Owner {
  const Type* type;
  Node** outside;
};

TEST_F(GcCycle, WhatAnObjectOwnsOutsideIsReadWhileTheWorldStandsStill) {
  static Owner* volatile owner;
  static std::atomic<uint64_t> traced_beside{0};
  traced_beside = 0;
  static const Type type{[](void* object, Marker& marker) {
                           if (cycle.beside()) ++traced_beside;
                           Node** outside = static_cast<Owner*>(object)->outside;
                           if (outside != nullptr) marker.add_word(reinterpret_cast<uint64_t>(*outside));
                         },
                         1};
  elsewhere([] {
    owner = static_cast<Owner*>(allocate(Kind::kTyped, sizeof(Owner)));
    owner->outside = nullptr;
    owner->type = &type;
  });
  std::atomic<uint64_t> faults{0};
  until_cycles(3, [&](uint64_t) {
    for (int i = 0; i < 2000; ++i) {
      auto* outside = new Node*(make_node(make_node(owner->outside != nullptr ? *owner->outside : nullptr)));
      if ((*outside)->number > 20) (*outside) = make_node(nullptr);
      Node** before = owner->outside;
      owner->outside = outside;
      delete before;
      faults += faults_of(*outside);
      for (int j = 0; j < 5; ++j) make_node(nullptr);
    }
  });
  EXPECT_EQ(faults, 0u);
  EXPECT_EQ(traced_beside, 0u);
  delete owner->outside;
  owner = nullptr;
}

}  // namespace
}  // namespace loam::collector
