// Markers on threads that libc knows, so that the thread sanitizer sees them: without a collection, and without the collector's second thread.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/bits.hpp"
#include "lib/gc/marker.hpp"
#include "lib/gc/sweep.hpp"
#include "sys/cpu.hpp"
#include "sys/kernel.hpp"
#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

// While the program runs, a thread may take a free block at any moment: what was found in the block behind it must not be taken for its.
TEST(GcMarkers, ABlockThatIsMadeMeanwhileHidesNothing) {
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
      for (uint32_t spin = 0; round.load() != i; ++spin) spin < 1000 ? sys::pause() : sys::yield();
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
    while (done.load() != i) sys::yield();
  }
  other.join();
  EXPECT_EQ(lost, 0u);
  const sys::LockGuard guard(heap.lock);
  for (unsigned word = 0; word < kBitWords; ++word) space.marks(behind)[word] = {};
  space.make_large(taken, 2 * kRegionBlocks, Kind::kAtomic, uint64_t{2 * kRegionBlocks} << kBlockShift);
  space.release(taken);
}

TEST(GcMarkers, TwoOnThreadsOfTheProgramShareWhatIsThere) {
  // No collection: it would start the second thread, which libc does not know.
  ASSERT_TRUE(start());
  ++heap.settings.disabled;
  const std::vector<uint64_t> nodes = make_linked();
  static constinit Marker first;
  static constinit Marker second;
  static constinit Pool pool;
  const sys::LockGuard guard(heap.lock);
  open_all(false);
  ASSERT_TRUE(first.prepare() && second.prepare());
  first.join(second);
  ASSERT_TRUE(pool.enter());
  std::thread other([&] {
    EXPECT_TRUE(pool.enter());
    second.help(pool);
    pool.leave();
  });
  while (!pool.hungry()) std::this_thread::yield();
  for (uint64_t i = 0; i < 10; ++i) first.add_word(nodes[i]);
  first.drain_shared(pool);
  pool.close();
  other.join();
  uint64_t reached = 0;
  for (const uint64_t node : nodes) reached += space.is_open(space.find(node)) ? 0u : 1u;
  EXPECT_EQ(first.objects() + second.objects(), reached) << "each is taken once";
  EXPECT_GT(reached, kNodes / 10 * 9);
  close_all();
  --heap.settings.disabled;
}

}  // namespace
}  // namespace loam::collector
