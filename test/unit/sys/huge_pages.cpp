#include "sys/huge_pages.hpp"

#include <gtest/gtest.h>

namespace {

using namespace loam;
using sys::HugeCredit;

constexpr uint64_t kSmall = 3'000;  // ns; a huge page is worth half of 512 of them
constexpr uint64_t kCheap = 290'000;
constexpr uint64_t kDear = 4'000'000;

// How many faults of that price are borne.
unsigned borne(HugeCredit& credit, uint64_t huge_ns) {
  unsigned count = 0;
  while (count < 1'000 && credit.account(kSmall, huge_ns)) ++count;
  return count;
}

TEST(HugeCredit, CheapOnesGoOn) {
  HugeCredit credit;
  EXPECT_EQ(borne(credit, kCheap), 1'000u);
}

TEST(HugeCredit, OneDearFaultIsForgiven) {
  HugeCredit credit;
  EXPECT_TRUE(credit.account(kSmall, kDear));
  for (unsigned round = 0; round < 100; ++round) {
    for (unsigned i = 0; i < 10; ++i) ASSERT_TRUE(credit.account(kSmall, kCheap)) << round;
    ASSERT_TRUE(credit.account(kSmall, kDear)) << round;
  }
}

TEST(HugeCredit, ARunOfDearFaultsEnds) {
  HugeCredit fresh;
  EXPECT_LE(borne(fresh, kDear), 1u);
  HugeCredit rich;
  EXPECT_EQ(borne(rich, kCheap), 1'000u);  // what was saved long ago does not count for ever
  EXPECT_LE(borne(rich, kDear), 4u);
}

TEST(HugeCredit, AfterARunOneDearFaultEndsTheNextAttempt) {
  HugeCredit credit;
  borne(credit, kDear);
  credit.begin_again();
  EXPECT_FALSE(credit.account(kSmall, kDear));
  credit.begin_again();
  EXPECT_EQ(borne(credit, kCheap), 1'000u);
}

TEST(HugeCredit, FaultsThatAreALittleTooDearEndTooInTime) {
  HugeCredit credit;
  EXPECT_LT(borne(credit, kSmall * 512), 10u);
}

TEST(HugePages, OneStallIsNotThePriceOfAllSmallFaults) {
  EXPECT_EQ(sys::HugePages::small_price({2'900, 3'000, 3'100, 3'400}), 3'100u);
  EXPECT_EQ(sys::HugePages::small_price({3'000, 3'000, 400'000, 3'000}), 6'000u);
  EXPECT_EQ(sys::HugePages::small_price({400'000, 3'000, 3'000, 3'000}), 6'000u);
}

TEST(HugePages, SmallHeapsAreNotTouched) {
  sys::HugePages pages;
  EXPECT_FALSE(pages.may_touch(1 << 20));
  EXPECT_TRUE(pages.may_touch(uint64_t{1} << 30));
  pages.begin_early();
  EXPECT_TRUE(pages.may_touch(0));
}

}  // namespace
