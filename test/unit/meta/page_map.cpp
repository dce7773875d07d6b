#include "meta/page_map.hpp"

#include <gtest/gtest.h>

#include <random>

#include "sys/kernel.hpp"

namespace loam::meta {
namespace {

struct Record {
  int name;
};

// One map a type, hence all of its life in one test.
TEST(PageMap, AnswersForAnyWord) {
  using Map = PageMap<Record>;
  Record none{0};
  Record a{1};
  Record b{2};
  auto* start = reinterpret_cast<char*>(uint64_t{0x123400000000});
  EXPECT_EQ(Map::find(start), nullptr);
  EXPECT_EQ(Map::find(nullptr), nullptr);
  ASSERT_TRUE(Map::open(start, 100000, &none));
  EXPECT_EQ(Map::capacity(), 100000u);
  EXPECT_EQ(Map::find(start), nullptr);
  ASSERT_TRUE(Map::extend(1000));
  EXPECT_EQ(Map::count(), 1000u);
  EXPECT_EQ(Map::find(start), &none);
  Map::set(10, 3, &a);
  Map::set(13, 1, &b);
  EXPECT_EQ(Map::find(start + 10 * kSlice - 1), &none);
  EXPECT_EQ(Map::find(start + 10 * kSlice), &a);
  EXPECT_EQ(Map::find(start + 13 * kSlice - 1), &a);
  EXPECT_EQ(Map::find(start + 13 * kSlice), &b);
  EXPECT_EQ(Map::find(start + 14 * kSlice), &none);
  EXPECT_EQ(Map::address_of(13), start + 13 * kSlice);
  EXPECT_EQ(Map::slice_of(start + 14 * kSlice - 1), 13u);

  ASSERT_TRUE(Map::extend(90000));
  EXPECT_EQ(Map::find(start + 89999 * kSlice), &none);
  EXPECT_EQ(Map::find(start + 10 * kSlice), &a);
  EXPECT_FALSE(Map::extend(100001));
  EXPECT_GE(Map::committed(), 90000 * sizeof(Record*));

  EXPECT_EQ(Map::find(start - 1), nullptr);
  EXPECT_EQ(Map::find(start + 90000 * kSlice), nullptr);
  EXPECT_EQ(Map::find(reinterpret_cast<void*>(~uint64_t{0})), nullptr);
  std::mt19937_64 random(3);
  for (int i = 0; i < 100000; ++i) {
    const uint64_t word = random() >> (i % 48);
    const bool inside = word - reinterpret_cast<uint64_t>(start) < 90000 * kSlice;
    ASSERT_EQ(Map::find(reinterpret_cast<void*>(word)) != nullptr, inside);
  }
}

struct Refused {};

TEST(PageMap, TellsWhenTheKernelRefuses) {
  Refused none;
  auto* start = reinterpret_cast<char*>(uint64_t{0x123400000000});
  sys::fail_call(1, false);
  EXPECT_FALSE(PageMap<Refused>::open(start, 100000, &none));
  ASSERT_TRUE(PageMap<Refused>::open(start, 100000, &none));
  sys::fail_call(1, false);
  EXPECT_FALSE(PageMap<Refused>::extend(10));
  EXPECT_EQ(PageMap<Refused>::count(), 0u);
  EXPECT_TRUE(PageMap<Refused>::extend(10));
}

}  // namespace
}  // namespace loam::meta
