#include "lib/gc/marker.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

struct Leaf {
  uint64_t number;
  uint64_t other;
};

// Found as a root, which the test's own stack need not be.
uint64_t* table = nullptr;

bool marked(const void* object) {
  return base_of(reinterpret_cast<uint64_t>(object)) == reinterpret_cast<uint64_t>(object);
}

// More pointers into one region than its bucket has room for, most of them twice.
TEST(GcMarker, ABucketMayBeFilledManyTimes) {
  constexpr uint64_t kLeaves = 8 * Buckets::kRoom;
  for (const unsigned markers : {1u, 2u}) {
    elsewhere([] {
      table = static_cast<uint64_t*>(allocate(Kind::kNormal, 2 * kLeaves * sizeof(uint64_t)));
      for (uint64_t i = 0; i < kLeaves; ++i) {
        auto* leaf = static_cast<Leaf*>(allocate(Kind::kNormal, sizeof(Leaf)));
        leaf->number = i;
        // Some by their last byte.
        table[i] = reinterpret_cast<uint64_t>(leaf) + i % sizeof(Leaf);
        table[kLeaves + (i * 7) % kLeaves] = reinterpret_cast<uint64_t>(leaf);
      }
    });
    start();
    heap.settings.markers = markers;
    collect_now();
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < kLeaves; ++i) {
      const auto* leaf = reinterpret_cast<const Leaf*>(table[i] - i % sizeof(Leaf));
      wrong += marked(leaf) && leaf->number == i ? 0u : 1u;
    }
    EXPECT_EQ(wrong, 0u) << markers;
  }
  table = nullptr;
}

struct Linked {
  Linked* to[6];
};

// 300,000 nodes, each with six pointers to any others; the table leads to all.
constexpr uint64_t kNodes = 300000;
void make_linked() {
  elsewhere([] {
    table = static_cast<uint64_t*>(allocate(Kind::kNormal, kNodes * sizeof(uint64_t)));
    auto** nodes = reinterpret_cast<Linked**>(table);
    for (uint64_t i = 0; i < kNodes; ++i)
      nodes[i] = static_cast<Linked*>(allocate(Kind::kNormal, sizeof(Linked)));
    uint64_t random = 1;
    for (uint64_t i = 0; i < 6 * kNodes; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      nodes[i / 6]->to[i % 6] = nodes[(random >> 33) % kNodes];
    }
  });
}

// Both markers fill buckets of the same regions all the time: each object is taken once, by one of them.
TEST(GcMarker, TwoMarkersTakeEachObjectOnce) {
  make_linked();
  start();
  heap.settings.markers = 1;
  collect_now();
  collect_now();
  const uint64_t objects = heap.figures.marked_objects;
  EXPECT_GE(objects, kNodes);
  heap.settings.markers = 2;
  for (int i = 0; i < 6; ++i) {
    collect_now();
    EXPECT_NEAR(static_cast<double>(heap.figures.marked_objects), static_cast<double>(objects), 2) << i;
  }
  table = nullptr;
}

// What is known only by a pointer to its end starts some regions below where the pointer leads.
TEST(GcMarker, ALargeObjectIsReachedFromEachOfItsRegions) {
  constexpr uint64_t kBytes = 3 * kRegionBytes;
  constexpr uint64_t kParts = 5;
  for (const unsigned markers : {1u, 2u}) {
    elsewhere([] {
      table = static_cast<uint64_t*>(allocate(Kind::kNormal, kParts * sizeof(uint64_t)));
      for (uint64_t i = 0; i < kParts; ++i) {
        auto* large = static_cast<uint64_t*>(allocate(Kind::kNormal, kBytes));
        auto* leaf = static_cast<Leaf*>(allocate(Kind::kNormal, sizeof(Leaf)));
        leaf->number = i;
        large[kBytes / sizeof(uint64_t) - 1] = reinterpret_cast<uint64_t>(leaf);
        table[i] = reinterpret_cast<uint64_t>(large) + (i + 1) * kBytes / kParts - 1;
      }
    });
    start();
    heap.settings.markers = markers;
    collect_now();
    for (uint64_t i = 0; i < kParts; ++i) {
      const uint64_t large = base_of(table[i]);
      ASSERT_NE(large, 0u) << i;
      const auto* leaf = *reinterpret_cast<Leaf* const*>(large + kBytes - sizeof(uint64_t));
      EXPECT_TRUE(marked(leaf)) << i;
      EXPECT_EQ(leaf->number, i);
    }
    EXPECT_GE(heap.figures.live_bytes, kParts * kBytes);
    // What the stack may still hold is the table, or one of them.
    for (uint64_t i = 0; i < kParts; ++i) table[i] = 0;
  }
  table = nullptr;
  // On a busy machine a collection may not get all threads to stand still in time, and then keeps what there is.
  for (int tries = 0; tries < 50 && heap.figures.live_bytes >= kParts * kBytes; ++tries) collect_now();
  EXPECT_LT(heap.figures.live_bytes, kParts * kBytes);
}

// A list in random order gives each region a turn for each object.
TEST(GcMarker, AListThatJumpsBetweenRegionsIsFollowedToItsEnd) {
  constexpr uint64_t kCount = kRegionBytes / sizeof(Leaf);
  elsewhere([] {
    table = static_cast<uint64_t*>(allocate(Kind::kNormal, sizeof(uint64_t)));
    auto** leaves = static_cast<Leaf**>(allocate(Kind::kNormal, kCount * sizeof(Leaf*)));
    for (uint64_t i = 0; i < kCount; ++i)
      leaves[i] = static_cast<Leaf*>(allocate(Kind::kNormal, sizeof(Leaf)));
    // 7919 has no factor in common with their number: each comes once.
    for (uint64_t i = 0; i + 1 < kCount; ++i)
      leaves[i * 7919 % kCount]->other = reinterpret_cast<uint64_t>(leaves[(i + 1) * 7919 % kCount]);
    table[0] = reinterpret_cast<uint64_t>(leaves[0]);
  });
  start();
  collect_now();
  uint64_t count = 0;
  for (auto* leaf = reinterpret_cast<Leaf*>(table[0]); leaf != nullptr && marked(leaf);
       leaf = reinterpret_cast<Leaf*>(leaf->other))
    ++count;
  EXPECT_EQ(count, kCount);
  table = nullptr;
}

}  // namespace
}  // namespace loam::collector
