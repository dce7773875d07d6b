#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <loam/detail/policy_byte_tree.hpp>
#include <loam/detail/policy_large_tree.hpp>
#include <loam/detail/policy_map_table.hpp>
#include <random>
#include <vector>

namespace loam::detail {
namespace {

template <class Value>
std::uint64_t first_of(const std::vector<Value>& values, Value least, std::uint64_t from) {
  for (std::uint64_t i = from; i < values.size(); ++i) {
    if (values[i] >= least) return i;
  }
  return policy_none;
}

TEST(ByteTree, FindsTheFirstAsAWalkDoesWhileItGrows) {
  byte_tree ours;
  std::vector<std::uint8_t> theirs;
  std::mt19937_64 engine(11);
  for (const std::size_t count : {1U, 64U, 65U, 4'097U, 20'000U}) {
    ASSERT_TRUE(ours.reserve(map_table, count));
    theirs.resize(count);
    for (int i = 0; i < 2'000; ++i) {
      const std::uint64_t at = engine() % count;
      // Large ones are rare, so that searches go far.
      const auto value = static_cast<std::uint8_t>((engine() % 256) >> engine() % 8);
      if (value > theirs[at])
        ours.raise(at, value);
      else
        ours.lower(at, value);
      theirs[at] = value;
      const auto least = static_cast<std::uint8_t>(1 + engine() % 255);
      const std::uint64_t from = i % 3 == 0 ? 0 : engine() % count;
      ASSERT_EQ(ours.find(least, from), first_of(theirs, least, from)) << count << " numbers, change " << i;
      ASSERT_EQ(ours.largest(), *std::max_element(theirs.begin(), theirs.end()));
    }
  }
  ours.release(map_table);
  EXPECT_EQ(ours.find(1, 0), policy_none);
}

TEST(LargeTree, FindsTheFirstAsAWalkDoesWhileItGrows) {
  large_tree ours;
  std::vector<std::uint64_t> theirs;
  std::mt19937_64 engine(12);
  for (const std::size_t count : {1U, 16U, 17U, 300U, 5'000U}) {
    ASSERT_TRUE(ours.reserve(map_table, count));
    theirs.resize(count);
    for (int i = 0; i < 2'000; ++i) {
      const std::uint64_t at = engine() % count;
      theirs[at] = engine() % 3 == 0 ? 0 : (engine() & 0xffff'ffff) >> engine() % 24;
      ours.set(at, theirs[at]);
      const std::uint64_t least = 1 + ((engine() & 0xffff'ffff) >> engine() % 24);
      const std::uint64_t from = i % 3 == 0 ? 0 : engine() % (count + 1);
      ASSERT_EQ(ours.find(least, from), first_of(theirs, least, from)) << count << " leaves, change " << i;
      ASSERT_EQ(ours.largest(), *std::max_element(theirs.begin(), theirs.end()));
    }
  }
  ours.release(map_table);
}

}  // namespace
}  // namespace loam::detail
