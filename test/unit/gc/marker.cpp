#include "lib/gc/marker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "base/bits.hpp"
#include "lib/gc/sweep.hpp"
#include "sys/cpu.hpp"
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

// While the program runs, a thread may take a free block at any moment: what was found in the block behind it must not be taken for its.
TEST(GcMarker, ABlockThatIsMadeMeanwhileHidesNothing) {
  constexpr uint32_t kPointers = 1000;
  constexpr uint32_t kRounds = 2000;
  ASSERT_TRUE(start());
  static constinit Marker own;
  uint32_t taken = kNoBlock;
  {
    const sys::LockGuard guard(heap.lock);
    taken = space.take(2 * kRegionBlocks);
  }
  ASSERT_NE(taken, kNoBlock);
  const auto made = static_cast<uint32_t>(base::align_up(taken, kRegionBlocks));
  const uint32_t behind = made + 1;
  space.make_small(behind, Kind::kAtomic, 0);
  std::atomic<uint32_t> round{0};
  std::atomic<uint32_t> done{0};
  std::thread other([&] {
    for (uint32_t i = 1; i <= kRounds; ++i) {
      while (round.load() != i) sys::pause();
      for (uint32_t spin = 0; spin < i * 37 % 500; ++spin) sys::pause();
      space.make_small(made, Kind::kAtomic, 0);
      done.store(i);
    }
  });
  uint64_t lost = 0;
  for (uint32_t i = 1; i <= kRounds; ++i) {
    set_state(space.block(made), State::kFree);
    for (unsigned word = 0; word < kBitWords; ++word) space.marks(behind)[word].open = ~uint64_t{0};
    EXPECT_TRUE(own.prepare());
    round.store(i);
    for (uint32_t j = 0; j < kPointers; ++j) own.add_word(space.address(behind) + j * kUnit);
    own.settle_all();
    for (uint32_t j = 0; j < kPointers; ++j) lost += space.is_open({behind, j}) ? 1u : 0u;
    while (done.load() != i) sys::pause();
  }
  other.join();
  EXPECT_EQ(lost, 0u);
  const sys::LockGuard guard(heap.lock);
  for (unsigned word = 0; word < kBitWords; ++word) space.marks(behind)[word] = {};
  space.make_large(taken, 2 * kRegionBlocks, Kind::kAtomic, uint64_t{2 * kRegionBlocks} << kBlockShift);
  space.release(taken);
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

// On threads that libc knows, so that the thread sanitizer sees them.
TEST(GcMarker, TwoOnThreadsOfTheProgramShareWhatIsThere) {
  make_linked();
  static constinit Marker first;
  static constinit Marker second;
  static constinit Pool pool;
  const sys::LockGuard guard(heap.lock);
  open_all(false);
  ASSERT_TRUE(first.prepare() && second.prepare());
  ASSERT_TRUE(pool.enter());
  std::atomic<bool> inside{false};
  std::thread other([&] {
    EXPECT_TRUE(pool.enter());
    inside.store(true);
    second.help(pool);
    pool.leave();
  });
  while (!inside.load()) std::this_thread::yield();
  first.add_word(reinterpret_cast<uint64_t>(table));
  first.drain_shared(pool);
  pool.close();
  other.join();
  EXPECT_EQ(first.objects() + second.objects(), kNodes + 1);
  EXPECT_GT(second.objects(), 0u);
  uint64_t open = 0;
  for (uint64_t i = 0; i < kNodes; ++i) open += space.is_open(space.find(table[i])) ? 1u : 0u;
  EXPECT_EQ(open, 0u);
  close_all();
  table = nullptr;
}

}  // namespace
}  // namespace loam::collector
