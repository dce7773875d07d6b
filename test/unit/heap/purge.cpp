#include <gtest/gtest.h>

#include <vector>

#include "heap/regions.hpp"
#include "support/heap.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// Dirties and releases that much; returns how many runs of 1 MiB it were.
void make_dirty(uint64_t mib) {
  std::vector<heap::Run> runs;
  for (uint64_t i = 0; i < mib; ++i) {
    const heap::Run run = regions.claim(64);
    ASSERT_TRUE(run.found);
    for (uint64_t at = 0; at < kMiB; at += 4096) page_map.address_of(run.slice)[at] = 1;
    runs.push_back(run);
  }
  for (const heap::Run& run : runs) regions.release(run.slice, 64, false);
}

class Purge : public testing::Test {
 protected:
  void SetUp() override {
    test::open_heap();
    // What earlier tests taught the store about cuts is forgotten with time.
    for (int i = 0; i < 32; ++i) {
      make_dirty(1);
      regions.decay(later());
      regions.decay(later());
    }
    regions.purge(0, true);
  }

  // A clock for decay: one for all tests, because the store remembers when it last looked.
  static uint64_t later() {
    static uint64_t now = sys::coarse_ns();
    return now += 10'000'000'000;
  }
};

TEST_F(Purge, GivesBackAllButWhatIsKept) {
  make_dirty(20);
  EXPECT_EQ(regions.dirty_bytes(), 20 * kMiB);
  const uint64_t purged = regions.purge(8 * kMiB, true);
  EXPECT_LE(regions.dirty_bytes(), 8 * kMiB);
  EXPECT_EQ(regions.dirty_bytes() + purged, 20 * kMiB);
  EXPECT_EQ(regions.purge(0, true), 20 * kMiB - purged);
  EXPECT_EQ(regions.dirty_bytes(), 0u);
  const heap::Run run = regions.claim(64);
  EXPECT_TRUE(run.zero);
  for (uint64_t at = 0; at < kMiB; at += 4096) ASSERT_EQ(page_map.address_of(run.slice)[at], 0);
  regions.release(run.slice, 64, true);
}

TEST_F(Purge, LeavesSlicesInUseAlone) {
  make_dirty(4);
  const heap::Run run = regions.claim(3);
  char* memory = page_map.address_of(run.slice);
  memory[0] = memory[3 * meta::kSlice - 1] = 9;
  regions.purge(0, true);
  EXPECT_EQ(memory[0], 9);
  EXPECT_EQ(memory[3 * meta::kSlice - 1], 9);
  regions.release(run.slice, 3, false);
  EXPECT_EQ(regions.dirty_bytes(), 3 * meta::kSlice);
}

TEST_F(Purge, FreeCutsBackAboveTheCap) {
  make_dirty(60);
  regions.purge_excess();
  EXPECT_EQ(regions.dirty_bytes(), 60 * kMiB);
  make_dirty(100);
  regions.purge_excess();
  EXPECT_LE(regions.dirty_bytes(), 72 * kMiB);
}

TEST_F(Purge, WhoTouchesAgainWhatWasCutKeepsMore) {
  make_dirty(110);
  regions.purge_excess();
  const uint64_t cut = regions.dirty_bytes();
  make_dirty(110);
  regions.purge_excess();
  EXPECT_GE(regions.dirty_bytes(), cut + 20 * kMiB);
  for (int i = 0; i < 8; ++i) {
    make_dirty(300);
    regions.purge_excess();
    EXPECT_LE(regions.dirty_bytes(), 120 * kMiB);
  }
  for (int i = 0; i < 20; ++i) regions.decay(later());
  make_dirty(110);
  regions.purge_excess();
  EXPECT_LE(regions.dirty_bytes(), 74 * kMiB);
}

// Runs of so many slices, of which every second one goes, and then others twice as long as what lies free.
void spread(uint64_t slices, uint64_t count) {
  std::vector<heap::Run> runs;
  for (uint64_t i = 0; i < count; ++i) runs.push_back(regions.claim(slices));
  const uint64_t peak = regions.touched_bytes();
  for (size_t i = 0; i < runs.size(); i += 2) regions.release(runs[i].slice, slices, false);
  EXPECT_EQ(regions.dirty_bytes(), count / 2 * slices * meta::kSlice);
  std::vector<heap::Run> longer;
  for (uint64_t i = 0; i < count / 4; ++i) {
    longer.push_back(regions.claim(2 * slices));
    // Half of a huge page is not given back while the other half is in use.
    const uint64_t held = slices < kSlicesPerRegion ? regions.advised_bytes() / 2 : 0;
    EXPECT_LE(regions.touched_bytes(), peak + peak / 4 + held);
  }
  for (const heap::Run& run : longer) regions.release(run.slice, 2 * slices, false);
  for (size_t i = 1; i < runs.size(); i += 2) regions.release(runs[i].slice, slices, false);
}

TEST_F(Purge, HeapInUseHoldsAtMostAQuarterMoreThanItEverNeeded) { spread(64, 1024); }

TEST_F(Purge, SoDoesOneOnHugePages) { spread(kSlicesPerRegion, 512); }

TEST_F(Purge, WhatIsTouchedIsWhatIsClaimedOrDirty) {
  const uint64_t before = regions.touched_bytes();
  const heap::Run run = regions.claim(40);
  const heap::Run untouched = regions.claim(200);
  EXPECT_EQ(regions.touched_bytes(), before + 240 * meta::kSlice);
  regions.release(run.slice, 40, false);
  EXPECT_EQ(regions.touched_bytes(), before + 240 * meta::kSlice);
  regions.release(untouched.slice, 200, true);
  EXPECT_EQ(regions.touched_bytes(), before + 40 * meta::kSlice);
  ASSERT_TRUE(regions.extend(run.slice, 40));
  EXPECT_EQ(regions.touched_bytes(), before + 40 * meta::kSlice);
  regions.release(run.slice, 40, false);
  regions.purge(0, true);
  EXPECT_EQ(regions.touched_bytes(), before);
}

TEST_F(Purge, TimeGivesBackWhatNobodyNeeds) {
  make_dirty(32);
  regions.decay(later());  // sees the memory for the first time
  const uint64_t now = later();
  regions.decay(now);
  const uint64_t after_two = regions.dirty_bytes();
  EXPECT_LT(after_two, 32 * kMiB);
  EXPECT_GT(after_two, 0u);
  regions.decay(now);  // no time has passed
  EXPECT_EQ(regions.dirty_bytes(), after_two);
  for (int i = 0; i < 20; ++i) regions.decay(later());
  EXPECT_EQ(regions.dirty_bytes(), 0u);
}

TEST_F(Purge, WhatIsNeededInBetweenStays) {
  make_dirty(16);
  for (int i = 0; i < 10; ++i) {
    std::vector<heap::Run> runs;
    while (regions.dirty_bytes() > 0) runs.push_back(regions.claim(64));
    for (const heap::Run& run : runs) regions.release(run.slice, 64, false);
    regions.decay(later());
  }
  EXPECT_GE(regions.dirty_bytes(), 16 * kMiB);
}

TEST_F(Purge, KernelRefuses) {
  make_dirty(4);
  sys::fail_call(1, true);
  EXPECT_EQ(regions.purge(0, true), 0u);
  sys::fail_call(0, false);
  EXPECT_EQ(regions.dirty_bytes(), 4 * kMiB);
  const heap::Run run = regions.claim(64);
  EXPECT_FALSE(run.zero);
  regions.release(run.slice, 64, false);
  EXPECT_EQ(regions.purge(0, true), 4 * kMiB);
}

}  // namespace
}  // namespace loam::heap
