#include "check/sites.hpp"

#include <gtest/gtest.h>

namespace loam::check {
namespace {

TEST(Sites, FirstOfEachThenFewer) {
  static Sites sites;
  sites.set(4, 1000);
  for (StackId site = 1; site < 50; ++site) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(sites.guards(sites.count(site)));
  }
  int more = 0;
  for (int i = 4; i < 100000; ++i) more += sites.guards(sites.count(7)) ? 1 : 0;
  EXPECT_GE(more, 99);
  EXPECT_LE(more, 130);
}

TEST(Sites, OneInSoManyForAnyRate) {
  for (const uint64_t rate : std::initializer_list<uint64_t>{1, 2, 3, 7, 512, 1000, 4099, 65535}) {
    static Sites sites;
    sites.set(0, rate);
    for (uint32_t count = 0; count < 200'000; ++count) {
      const bool power = (count & (count - 1)) == 0;
      ASSERT_EQ(sites.guards(count), power || count % rate == 0) << rate << " " << count;
    }
  }
}

TEST(Sites, RearmedOnesAreGuardedOnceMore) {
  static Sites sites;
  sites.set(2, 0);
  for (int i = 0; i < 100; ++i) sites.guards(sites.count(3));
  EXPECT_FALSE(sites.guards(sites.count(3)));
  sites.rearm();
  EXPECT_TRUE(sites.guards(sites.count(3)));
  EXPECT_FALSE(sites.guards(sites.count(3)));
}

TEST(Sites, NoneWhenSwitchedOff) {
  static Sites sites;
  sites.set(0, 0);
  for (StackId site = 1; site < 100; ++site) EXPECT_FALSE(sites.guards(sites.count(site)));
}

TEST(Sites, ThePageTierGetsTheFirstAndRunsOfOthers) {
  static Sites sites;
  unsigned paged = 0;
  unsigned first = 0;
  constexpr unsigned kBlocks = 100 * Sites::kPagedEvery;
  for (unsigned i = 0; i < kBlocks; ++i) {
    const bool pages = Sites::pages(sites.count(5));
    paged += pages ? 1 : 0;
    first += i < Sites::kPaged && pages ? 1 : 0;
  }
  EXPECT_EQ(first, Sites::kPaged);
  EXPECT_EQ(paged, Sites::kPaged + 99 * Sites::kPagedRun);
}

}  // namespace
}  // namespace loam::check
