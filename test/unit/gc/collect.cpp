#include "lib/gc/collect.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

struct Node {
  Node* next;
  uint64_t number;
};

Node* root = nullptr;

__attribute__((noinline)) void prepend(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    auto* node = static_cast<Node*>(allocate(Kind::kNormal, sizeof(Node)));
    ASSERT_EQ(node->number, 0u);
    *node = {root, i};
    root = node;
  }
}

// Deeper on the stack than where a collection looks; by a call, since without optimization a function's own variables lie at its top.
__attribute__((noinline)) void make_list(uint64_t count) {
  volatile char frame[65536] = {};
  root = nullptr;
  prepend(count);
  ASSERT_EQ(frame[0], 0);
}

TEST(GcCollect, WhatIsReachedStaysAndTheRestGoes) {
  make_list(100000);
  collect_now();
  const uint64_t with_list = heap.figures.live_objects;
  EXPECT_GE(with_list, 100000u);
  uint64_t count = 0;
  for (const Node* node = root; node != nullptr; node = node->next) ASSERT_EQ(node->number, 100000 - ++count);
  EXPECT_EQ(count, 100000u);
  root = nullptr;
  collect_now();
  EXPECT_LT(heap.figures.live_objects, with_list - 99000);
}

TEST(GcCollect, AtomicObjectsHoldNothing) {
  root = static_cast<Node*>(allocate(Kind::kAtomic, sizeof(Node)));
  Node* const volatile holder = root;
  Node* kept_list = nullptr;
  {
    Node* before = root;
    make_list(1000);
    kept_list = root;
    root = before;
  }
  root->next = kept_list;
  kept_list = nullptr;
  collect_now();
  EXPECT_LT(heap.figures.live_objects, 900u);
  EXPECT_EQ(base_of(reinterpret_cast<uint64_t>(holder)), reinterpret_cast<uint64_t>(holder));
  root = nullptr;
}

TEST(GcCollect, TypedObjectsTellTheirPointers) {
  struct Typed {
    const Type* type;
    Node* seen;
    Node* unseen;
  };
  static const Type type{[](void* object, Marker& marker) {
                           marker.add_word(reinterpret_cast<uint64_t>(static_cast<Typed*>(object)->seen));
                         },
                         0};
  static Typed* typed;
  typed = static_cast<Typed*>(allocate(Kind::kTyped, sizeof(Typed)));
  typed->type = &type;
  make_list(5000);
  typed->seen = root;
  make_list(5000);
  typed->unseen = root;
  root = nullptr;
  collect_now();
  uint64_t count = 0;
  for (const Node* node = typed->seen; node != nullptr; node = node->next)
    ASSERT_EQ(node->number, 5000 - ++count);
  EXPECT_EQ(count, 5000u);
  EXPECT_LT(heap.figures.live_objects, 5500u);
  typed = nullptr;
}

TEST(GcCollect, MemoryIsServedAgainAndZeroed) {
  collect_now();
  const uint64_t before = space.used_bytes();
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 2000; ++i) {
      auto* words = static_cast<uint64_t*>(allocate(Kind::kNormal, 256));
      for (int j = 0; j < 32; ++j) {
        ASSERT_EQ(words[j], 0u);
        words[j] = ~uint64_t{0};
      }
    }
    auto* large = static_cast<uint64_t*>(allocate(Kind::kNormal, 300000));
    for (int j = 0; j < 37500; ++j) {
      ASSERT_EQ(large[j], 0u);
      large[j] = ~uint64_t{0};
    }
  }
  EXPECT_LT(space.used_bytes(), before + (32u << 20));
}

TEST(GcCollect, FreedObjectsAreDeadAtOnce) {
  void* small = allocate(Kind::kNormal, 48);
  void* large = allocate(Kind::kNormal, 1 << 20);
  for (void* object : {small, large}) {
    const auto address = reinterpret_cast<uint64_t>(object);
    EXPECT_FALSE(release(address + 16));
    EXPECT_TRUE(release(address));
    EXPECT_FALSE(release(address));
    EXPECT_EQ(base_of(address), 0u);
  }
}

TEST(GcCollect, TwoMarkersReachTheSameAsOne) {
  // Wide enough that the second one gets work.
  std::vector<uint64_t> marked;
  for (unsigned markers : {1u, 2u}) {
    make_list(0);
    for (int i = 0; i < 200; ++i) {
      Node* before = root;
      make_list(2000);
      auto* pair = static_cast<Node**>(allocate(Kind::kNormal, 2 * sizeof(Node*)));
      pair[0] = root;
      pair[1] = before;
      root = reinterpret_cast<Node*>(pair);
    }
    start();
    heap.settings.markers = markers;
    collect_now();
    marked.push_back(heap.figures.live_objects);
  }
  EXPECT_GE(marked[0], 200u * 2001);
  EXPECT_NEAR(static_cast<double>(marked[0]), static_cast<double>(marked[1]), 4096);
  root = nullptr;
}

}  // namespace
}  // namespace loam::collector
