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
    regions.purge(0, true);
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
  make_dirty(80);
  regions.purge_excess();
  EXPECT_LE(regions.dirty_bytes(), 64 * kMiB);
}

TEST_F(Purge, TimeGivesBackWhatNobodyNeeds) {
  make_dirty(32);
  uint64_t now = sys::coarse_ns();
  constexpr uint64_t kLong = 10'000'000'000;
  regions.decay(now += kLong);  // sees the memory for the first time
  regions.decay(now += kLong);
  const uint64_t after_two = regions.dirty_bytes();
  EXPECT_LT(after_two, 32 * kMiB);
  EXPECT_GT(after_two, 0u);
  regions.decay(now);  // no time has passed
  EXPECT_EQ(regions.dirty_bytes(), after_two);
  for (int i = 0; i < 20; ++i) regions.decay(now += kLong);
  EXPECT_EQ(regions.dirty_bytes(), 0u);
}

TEST_F(Purge, WhatIsNeededInBetweenStays) {
  make_dirty(16);
  uint64_t now = sys::coarse_ns() + 1'000'000'000'000;
  constexpr uint64_t kLong = 10'000'000'000;
  for (int i = 0; i < 10; ++i) {
    std::vector<heap::Run> runs;
    while (regions.dirty_bytes() > 0) runs.push_back(regions.claim(64));
    for (const heap::Run& run : runs) regions.release(run.slice, 64, false);
    regions.decay(now += kLong);
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
