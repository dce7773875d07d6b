#include "lib/gc/buckets.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

using Pointers = std::vector<uint64_t>;

struct GcBuckets : testing::Test {
  void SetUp() override {
    ASSERT_TRUE(start());
    ASSERT_TRUE(buckets.prepare());
  }
  Pointers own(uint32_t region, bool begun) {
    Pointers found;
    buckets.empty_one(region, begun, [&](uint64_t pointer) { found.push_back(pointer); });
    return found;
  }
  Pointers other(uint32_t region) {
    Pointers found;
    buckets.take_from(region, [&](uint64_t pointer) { found.push_back(pointer); });
    return found;
  }
  static uint64_t in(uint32_t region, uint64_t pointer) { return region * kRegionBytes + pointer; }

  Buckets buckets;
};

TEST_F(GcBuckets, EachPointerIsTakenOnceByEitherMarker) {
  for (const uint64_t pointer : {8u, 16u, 24u}) EXPECT_FALSE(buckets.add(in(2, pointer)));
  EXPECT_EQ(buckets.filled(2), 3u);
  EXPECT_EQ(other(2), (Pointers{8, 16, 24}));
  EXPECT_EQ(buckets.filled(2), 0u);
  EXPECT_EQ(other(2), Pointers{});
  EXPECT_FALSE(buckets.add(in(2, 32)));
  EXPECT_EQ(buckets.filled(2), 1u);
  EXPECT_EQ(own(2, true), Pointers{32});
  EXPECT_EQ(own(2, true), Pointers{});
  EXPECT_FALSE(buckets.add(in(2, 40)));
  EXPECT_EQ(other(2), Pointers{40}) << "though more had been taken before it was emptied";
}

TEST_F(GcBuckets, ANewOneIsEmptyForTheOtherMarker) {
  EXPECT_EQ(buckets.filled(3), 0u);
  EXPECT_EQ(other(3), Pointers{});
  EXPECT_TRUE(buckets.empty());
  EXPECT_FALSE(buckets.add(in(3, 8)));
  EXPECT_EQ(own(buckets.take(), false), Pointers{8});
}

TEST_F(GcBuckets, WhatTheOtherTookCountsUntilItIsEmptied) {
  bool full = false;
  for (uint64_t i = 1; !full; ++i) {
    ASSERT_LT(i, Buckets::kRoom);
    full = buckets.add(in(1, 8 * i));
    if (i % 1000 == 0) {
      EXPECT_EQ(other(1).size(), 1000u);
    }
  }
  EXPECT_EQ(own(1, true).size(), (Buckets::kRoom - 1) % 1000);
}

TEST_F(GcBuckets, ARegionThatIsPutOffComesLast) {
  for (const uint32_t region : {4u, 1u, 3u}) buckets.want(region);
  buckets.want(1);
  EXPECT_EQ(buckets.count(), 3u);
  EXPECT_EQ(buckets.next(), 4u);
  buckets.put_off();
  EXPECT_EQ(buckets.take(), 1u);
  EXPECT_EQ(buckets.take(), 3u);
  EXPECT_EQ(buckets.take(), 4u);
  EXPECT_TRUE(buckets.empty());
}

}  // namespace
}  // namespace loam::collector
