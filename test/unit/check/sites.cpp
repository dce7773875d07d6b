#include "check/sites.hpp"

#include <gtest/gtest.h>

namespace loam::check {
namespace {

TEST(Sites, FirstOfEachThenFewer) {
  static Sites sites;
  sites.set(4, 1000);
  for (StackId site = 1; site < 50; ++site) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(sites.wants(site));
  }
  int more = 0;
  for (int i = 4; i < 100000; ++i) more += sites.wants(7) ? 1 : 0;
  EXPECT_GE(more, 99);
  EXPECT_LE(more, 130);
}

TEST(Sites, RearmedOnesAreGuardedOnceMore) {
  static Sites sites;
  sites.set(2, 0);
  for (int i = 0; i < 100; ++i) sites.wants(3);
  EXPECT_FALSE(sites.wants(3));
  sites.rearm();
  EXPECT_TRUE(sites.wants(3));
  EXPECT_FALSE(sites.wants(3));
}

TEST(Sites, NoneWhenSwitchedOff) {
  static Sites sites;
  sites.set(0, 0);
  for (StackId site = 1; site < 100; ++site) EXPECT_FALSE(sites.wants(site));
}

}  // namespace
}  // namespace loam::check
