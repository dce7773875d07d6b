#include <gtest/gtest.h>

#include <cstdint>
#include <loam/detail/policy_lowest_set.hpp>
#include <loam/detail/policy_map_table.hpp>
#include <random>
#include <set>

namespace loam::detail {
namespace {

std::uint64_t lowest_of(const std::set<std::uint64_t>& numbers) {
  return numbers.empty() ? policy_none : *numbers.begin();
}

TEST(LowestSet, TellsTheLowestAsASetDoesWhileItGrows) {
  lowest_set ours;
  std::set<std::uint64_t> theirs;
  std::mt19937_64 engine(7);
  for (const std::uint64_t bits : {40U, 64U, 65U, 5'000U, 300'000U}) {
    ASSERT_TRUE(ours.reserve(map_table, bits, lowest_set::depth_for(bits)));
    EXPECT_EQ(ours.lowest(), lowest_of(theirs));
    for (int i = 0; i < 3'000; ++i) {
      const std::uint64_t number = engine() % bits;
      ASSERT_EQ(ours.contains(number), theirs.contains(number));
      if (theirs.contains(number)) {
        ours.remove(number);
        theirs.erase(number);
      } else {
        ours.add(number);
        theirs.insert(number);
      }
      if (i % 3 == 0 && !theirs.empty()) {
        ours.remove(*theirs.begin());
        theirs.erase(theirs.begin());
      }
      ASSERT_EQ(ours.lowest(), lowest_of(theirs));
      ASSERT_EQ(ours.empty(), theirs.empty());
    }
  }
  ours.release(map_table);
  EXPECT_EQ(ours.lowest(), policy_none);
}

// Sets that are used in turn have one depth, that of the largest.
TEST(LowestSet, MayHaveMoreLevelsThanItsNumbersNeed) {
  lowest_set set;
  ASSERT_TRUE(set.reserve(map_table, 1, lowest_set::depth_for(std::uint64_t{1} << 32)));
  set.add(0);
  EXPECT_EQ(set.lowest(), 0U);
  set.remove(0);
  EXPECT_TRUE(set.empty());
  set.release(map_table);
}

}  // namespace
}  // namespace loam::detail
