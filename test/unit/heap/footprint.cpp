#include "heap/footprint.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "support/heap.hpp"

namespace loam::heap {
namespace {

std::vector<Extent> all_extents() {
  std::vector<Extent> extents;
  std::uint64_t address = 0;
  for (Extent extent{}; next_extent(address, &extent) && extent.kind != ExtentKind::kNone;
       address = extent.end)
    extents.push_back(extent);
  return extents;
}

Footprint footprint(bool by_entries = false) {
  sys::PageScan scan;
  if (by_entries) scan.read_entries();
  Footprint sum{};
  for (const Extent& extent : all_extents()) EXPECT_TRUE(add_resident(scan, extent, &sum));
  return sum;
}

bool contains(const Extent& extent, const void* address) {
  const auto at = reinterpret_cast<std::uint64_t>(address);
  return extent.start <= at && at < extent.end;
}

ExtentKind kind_at(const void* address) {
  for (const Extent& extent : all_extents()) {
    if (contains(extent, address)) return extent.kind;
  }
  return ExtentKind::kNone;
}

TEST(Extents, InOrderWithoutOverlapAndOfTheRightKind) {
  test::HeapUser user;
  void* small = user.allocate(100);
  void* large = user.allocate(1000000);
  void* outside = user.allocate(kMaxInside + 1);
  void* aligned = user.allocate(kMaxInside + 1, std::size_t{4} << 20);
  std::uint64_t end = 0;
  for (const Extent& extent : all_extents()) {
    EXPECT_GE(extent.start, end);
    EXPECT_GT(extent.end, extent.start);
    end = extent.end;
  }
  EXPECT_EQ(kind_at(small), ExtentKind::kWindow);
  EXPECT_EQ(kind_at(large), ExtentKind::kWindow);
  EXPECT_EQ(kind_at(outside), ExtentKind::kOutside);
  EXPECT_EQ(kind_at(aligned), ExtentKind::kOutside);
  EXPECT_EQ(kind_at(page_map.find(small)), ExtentKind::kMetadata);
  EXPECT_EQ(kind_at(&end), ExtentKind::kNone);
  for (void* block : {small, large, outside, aligned}) EXPECT_TRUE(user.release(block));
}

// Far more than what else moves in the meantime: the heap's own records, or a span that another test left half empty.
constexpr std::uint64_t kSlack = std::uint64_t{1} << 20;

class Grown : public testing::TestWithParam<std::size_t> {};

TEST_P(Grown, WhatIsWrittenIsLiveAndWhatIsNotIsNot) {
  test::HeapUser user;
  const std::size_t size = GetParam();
  const std::size_t count = size < 100000 ? (std::size_t{32} << 20) / size : 1;
  const Footprint before = footprint();
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < count; ++i) {
    blocks.push_back(user.allocate(size));
    std::memset(blocks.back(), 1, size);
  }
  const Footprint with = footprint();
  EXPECT_NEAR(static_cast<double>(with.live - before.live), static_cast<double>(count * size), kSlack);
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
  const Footprint after = footprint();
  EXPECT_NEAR(static_cast<double>(after.live), static_cast<double>(before.live), kSlack);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Grown, testing::Values(64, 1024, 32768, 3000000, 100000000));

TEST(Footprint, StrandedIsWhatSharesAPageWithASurvivor) {
  test::HeapUser user;
  constexpr std::size_t kSize = 512;
  constexpr std::size_t kCount = 40000;
  const unsigned index = class_of(kSize);
  std::vector<void*> blocks;
  const Footprint before = footprint();
  for (std::size_t i = 0; i < kCount; ++i) {
    blocks.push_back(user.allocate(kSize));
    std::memset(blocks.back(), 1, kSize);
  }
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i % 100 == 0) continue;
    ASSERT_TRUE(user.release(blocks[i]));
  }
  const Footprint with = footprint();
  // A survivor of 512 bytes, alone on its page.
  EXPECT_NEAR(static_cast<double>(with.class_stranded[index] - before.class_stranded[index]),
              static_cast<double>(kCount / 100 * (4096 - kSize)), 16 * 4096);
  EXPECT_GE(with.stranded, with.class_stranded[index]);
  EXPECT_GE(with.class_free[index], with.class_stranded[index]);
  EXPECT_GE(with.free_in_span, with.class_free[index]);
  for (std::size_t i = 0; i < kCount; i += 100) ASSERT_TRUE(user.release(blocks[i]));
}

TEST(Footprint, TheSameByEntries) {
  test::HeapUser user;
  std::vector<void*> blocks;
  for (std::size_t size = 16; size < 300000; size += size / 2) {
    blocks.push_back(user.allocate(size));
    std::memset(blocks.back(), 1, size);
  }
  const Footprint by_call = footprint();
  const Footprint by_entries = footprint(true);
  EXPECT_EQ(by_call.live, by_entries.live);
  EXPECT_EQ(by_call.metadata, by_entries.metadata);
  EXPECT_EQ(by_call.stranded, by_entries.stranded);
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
}

TEST(Footprint, CountsWhileOthersAllocate) {
  test::HeapUser user;
  std::atomic<bool> stop{false};
  std::atomic<unsigned> refused{0};
  std::thread other([&] {
    test::HeapUser theirs;
    std::vector<void*> blocks(200);
    for (std::uint64_t i = 0; !stop.load(); ++i) {
      void*& slot = blocks[i % blocks.size()];
      if (slot != nullptr && !theirs.release(slot)) refused.fetch_add(1);
      slot = theirs.allocate(16 + i * 2654435761U % 200000);
    }
    for (void* block : blocks) {
      if (block != nullptr && !theirs.release(block)) refused.fetch_add(1);
    }
  });
  for (int i = 0; i < 200; ++i) {
    const Footprint sum = footprint();
    EXPECT_LE(sum.stranded, sum.free_in_span);
  }
  stop.store(true);
  other.join();
  EXPECT_EQ(refused.load(), 0U);
}

}  // namespace
}  // namespace loam::heap
