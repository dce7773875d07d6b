#include "lib/gc/ahead.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <thread>

#include "lib/gc/regions.hpp"
#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

bool is_there(uint32_t region) {
  unsigned char resident = 0;
  const uint64_t start = space.base() + (uint64_t{region} << kRegionShift);
  return mincore(reinterpret_cast<void*>(start), 4096, &resident) == 0 && (resident & 1) != 0;
}

// The number of a region of a large heap behind which there are `more` that nobody has written to.
uint32_t grow(uint32_t more) {
  const uint64_t least = uint64_t{256} << 20;
  const uint64_t before = space.used_bytes();
  EXPECT_TRUE(space.grow_to((before > least ? before : least) + (more + 2) * kRegionBytes));
  return Regions::count_of(space.used_bytes()) - more - 1;
}

// The same, and the regions behind it are to be touched.
uint32_t grow_noted(uint32_t more) {
  const sys::LockGuard guard(heap.lock);
  const uint32_t region = grow(more);
  ahead.begin();
  ahead.note(region * kRegionBlocks);
  return region;
}

uint64_t start_of(uint32_t region) { return space.base() + (uint64_t{region} << kRegionShift); }

TEST(GcAhead, FreshMemoryIsThereBeforeItIsTaken) {
  ASSERT_TRUE(start());
  uint32_t region = 0;
  {
    const sys::LockGuard guard(heap.lock);
    region = grow(5);
    for (uint32_t i = 1; i <= 5; ++i) EXPECT_FALSE(is_there(region + i)) << i;
    ahead.begin();
    ahead.note(region * kRegionBlocks);
  }
  // By this thread, or the second one if it runs already.
  while (ahead.work() || !is_there(region + 4)) std::this_thread::yield();
  for (uint32_t i = 1; i <= 4; ++i) EXPECT_TRUE(is_there(region + i)) << i;
  EXPECT_FALSE(is_there(region + 5));
}

TEST(GcAhead, TouchingLeavesWhatIsThere) {
  ASSERT_TRUE(start());
  uint32_t region = 0;
  {
    const sys::LockGuard guard(heap.lock);
    region = grow(5);
    for (uint32_t i = 1; i <= 4; ++i) *reinterpret_cast<uint64_t*>(start_of(region + i)) = i;
    ahead.begin();
    ahead.note(region * kRegionBlocks);
  }
  while (ahead.work()) continue;
  for (uint32_t i = 1; i <= 4; ++i) EXPECT_EQ(*reinterpret_cast<uint64_t*>(start_of(region + i)), i);
}

TEST(GcAhead, AProgramThatIsFasterWaits) {
  ASSERT_TRUE(start());
  const uint32_t region = grow_noted(5);
  std::thread second([] {
    while (ahead.work()) continue;
  });
  ahead.wait_for(start_of(region + 1));
  // If it was given up, the second thread was kept from running for milliseconds: then it comes later.
  second.join();
  EXPECT_TRUE(is_there(region + 1));
  // What nobody asked for is not waited for.
  ahead.wait_for(start_of(region + 5));
  EXPECT_FALSE(is_there(region + 5));
}

// All regions but the last are touched: who is two from there waits once for each block, and is let go though nobody goes on touching.
TEST(GcAhead, NearTheEdgeEachBlockIsWaitedForOnce) {
  ASSERT_TRUE(start());
  const uint32_t region = grow_noted(5);
  while (!is_there(region + 3)) ahead.work();
  const auto sleeps = [] {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
  };
  const auto slept_for = [&](uint64_t address) {
    const long before = sleeps();
    ahead.wait_for(address);
    return sleeps() - before;
  };
  EXPECT_EQ(slept_for(start_of(region)), 0);
  EXPECT_EQ(slept_for(start_of(region + 2)), 1);
  EXPECT_EQ(slept_for(start_of(region + 2) + 8192), 0);
  EXPECT_EQ(slept_for(start_of(region + 2) + kBlockBytes), 1);
  while (ahead.work()) continue;
  EXPECT_EQ(slept_for(start_of(region + 3)), 0);
}

TEST(GcAhead, WhereNobodyTouchesNobodyWaitsForEver) {
  ASSERT_TRUE(start());
  const uint32_t region = grow_noted(5);
  ahead.wait_for(start_of(region + 4));
  ahead.after_fork();
  EXPECT_FALSE(ahead.work());
}

}  // namespace
}  // namespace loam::collector
