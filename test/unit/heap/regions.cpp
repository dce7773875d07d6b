#include "heap/regions.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/heap.hpp"
#include "sys/huge_pages.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {
namespace {

class RegionsTest : public testing::Test {
 protected:
  void SetUp() override { test::open_heap(); }
};

char* address(const Run& run) { return page_map.address_of(run.slice); }

TEST_F(RegionsTest, RunsAreDisjointFreeSlices) {
  std::vector<std::pair<heap::Run, uint64_t>> runs;
  std::vector<bool> taken;
  for (const uint64_t slices : {1u, 4u, 64u, 63u, 65u, 128u, 200u, 3u, 2u, 64u}) {
    const heap::Run run = regions.claim(slices);
    ASSERT_TRUE(run.found);
    if (slices > 64) {
      EXPECT_EQ(run.slice % 64, 0u);
    }
    if (taken.size() < regions.window_slices()) taken.resize(regions.window_slices());
    for (uint64_t i = run.slice; i < run.slice + slices; ++i) {
      EXPECT_FALSE(taken[i]);
      EXPECT_FALSE(regions.slice_is_free(i));
      taken[i] = true;
    }
    address(run)[slices * meta::kSlice - 1] = 1;
    runs.emplace_back(run, slices);
  }
  const uint64_t dirty = regions.dirty_bytes();
  uint64_t released = 0;
  for (const auto& [run, slices] : runs) {
    regions.release(run.slice, slices, false);
    released += slices;
    EXPECT_TRUE(regions.slice_is_free(run.slice));
    EXPECT_FALSE(regions.slice_is_zero(run.slice));
  }
  EXPECT_EQ(regions.dirty_bytes(), dirty + released * meta::kSlice);
}

TEST_F(RegionsTest, TheLowestRunThatFitsIsTakenAgain) {
  heap::Run runs[4];
  for (heap::Run& run : runs) run = regions.claim(8);
  const uint64_t lower = std::min(runs[0].slice, runs[2].slice);
  regions.release(runs[2].slice, 8, false);
  regions.release(runs[0].slice, 8, false);
  const heap::Run again = regions.claim(8);
  EXPECT_LE(again.slice, lower);
  EXPECT_FALSE(again.zero);
  regions.release(again.slice, 8, false);
  regions.release(runs[1].slice, 8, false);
  regions.release(runs[3].slice, 8, false);
}

TEST_F(RegionsTest, FreshAndUntouchedRunsAreZero) {
  const heap::Run run = regions.claim(200);  // more than what the tests before have released
  ASSERT_TRUE(run.found);
  regions.release(run.slice, 200, false);
  regions.purge(0, true);
  const heap::Run purged = regions.claim(200);
  EXPECT_TRUE(purged.zero);
  for (size_t at = 0; at < 200 * meta::kSlice; at += 4096) ASSERT_EQ(address(purged)[at], 0);
  const uint64_t dirty = regions.dirty_bytes();
  regions.release(purged.slice, 200, true);
  EXPECT_EQ(regions.dirty_bytes(), dirty);
  EXPECT_TRUE(regions.slice_is_zero(purged.slice));
}

TEST_F(RegionsTest, ExtendTakesExactlyTheseOrNone) {
  const heap::Run run = regions.claim(128);
  regions.release(run.slice + 10, 118, false);
  EXPECT_TRUE(regions.extend(run.slice + 10, 60));
  ASSERT_TRUE(regions.extend(run.slice + 100, 1));
  EXPECT_FALSE(regions.extend(run.slice + 70, 40));  // one in the middle is taken: none is
  EXPECT_TRUE(regions.extend(run.slice + 70, 30));
  EXPECT_FALSE(regions.extend(regions.window_slices() - 1, 2));
  regions.release(run.slice, 101, false);
}

TEST_F(RegionsTest, KernelRefusesGrowth) {
  const uint64_t free_at_most = regions.window_slices();
  sys::fail_call(1, true);
  EXPECT_FALSE(regions.claim(free_at_most + 64).found);
  sys::fail_call(0, false);
  EXPECT_EQ(verify(), nullptr);
  const heap::Run run = regions.claim(free_at_most + 64);
  ASSERT_TRUE(run.found);
  regions.release(run.slice, free_at_most + 64, true);
}

// What a signal handler may ask that has interrupted growth: it gets what is free already, or nothing, and never waits.
TEST_F(RegionsTest, InsideGrowthNothingGrows) {
  regions.lock().lock();
  const uint64_t mapped = regions.mapped_bytes();
  EXPECT_FALSE(regions.claim(100).found);
  std::vector<heap::Run> runs;
  for (heap::Run run = regions.claim(64); run.found; run = regions.claim(64)) runs.push_back(run);
  EXPECT_EQ(regions.mapped_bytes(), mapped);
  regions.lock().unlock();
  EXPECT_TRUE(regions.claim(64).found);
  EXPECT_GT(regions.mapped_bytes(), mapped);
  for (const heap::Run& run : runs) regions.release(run.slice, 64, true);
}

TEST_F(RegionsTest, MoreThanTheWindowIsRefused) { EXPECT_FALSE(regions.claim(uint64_t{1} << 40).found); }

// Where huge pages are cheap, every region of a growth was touched when it came: up to 64 MiB were resident that no run had, and nothing
// that cuts free memory knew of them.
TEST_F(RegionsTest, GrowthThatTouchesHugePagesIsSmall) {
  constexpr uint64_t kMegabyte = (uint64_t{1} << 20) / meta::kSlice;
  std::vector<heap::Run> runs;
  while (runs.size() < 512) {
    sys::huge_credit.account(uint64_t{1} << 30, 0);  // as if all before had been cheap
    const uint64_t mapped = regions.mapped_bytes();
    const uint64_t advised = regions.advised_bytes();
    runs.push_back(regions.claim(kMegabyte));
    ASSERT_TRUE(runs.back().found);
    if (regions.advised_bytes() > advised) {
      EXPECT_LE(regions.mapped_bytes() - mapped, uint64_t{8} << 20);
    }
  }
  for (const heap::Run& run : runs) regions.release(run.slice, kMegabyte, true);
}

TEST_F(RegionsTest, ThreadsNeverShareASlice) {
  std::atomic<unsigned> shared{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 1; t <= 3; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 3000; ++i) {
        const uint64_t slices = 1 + (i * t) % 70;
        const heap::Run run = regions.claim(slices);
        if (!run.found) continue;
        auto* first = reinterpret_cast<uint64_t*>(address(run));
        auto* last = first + slices * meta::kSlice / 8 - 1;
        *first = *last = t << 32 | i;
        if (i % 16 == 0) std::this_thread::yield();
        if (*first != (t << 32 | i) || *last != (t << 32 | i)) ++shared;
        regions.release(run.slice, slices, false);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared.load(), 0u);
  EXPECT_EQ(verify(), nullptr);
}

}  // namespace
}  // namespace loam::heap
