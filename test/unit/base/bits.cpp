#include "base/bits.hpp"

#include <gtest/gtest.h>

#include <random>

namespace loam::base {
namespace {

TEST(Bits, Counted) {
  for (unsigned i = 0; i <= 64; ++i) EXPECT_EQ(count_bits(low_bits(i)), i);
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(count_bits(uint64_t{1} << i), 1u);
  EXPECT_EQ(count_bits(0x8421084210842108u), 13u);
}

TEST(Bits, Alignment) {
  EXPECT_EQ(align_up(0, 16), 0u);
  EXPECT_EQ(align_up(1, 16), 16u);
  EXPECT_EQ(align_up(16, 16), 16u);
  EXPECT_EQ(align_up(4097, 4096), 8192u);
  EXPECT_EQ(align_down(4097, 4096), 4096u);
  EXPECT_EQ(align_down(~uint64_t{0}, 2), ~uint64_t{1});
  EXPECT_EQ(divide_up(0, 7), 0u);
  EXPECT_EQ(divide_up(14, 7), 2u);
  EXPECT_EQ(divide_up(15, 7), 3u);
}

TEST(Bits, PowersOfTwo) {
  EXPECT_FALSE(is_power_of_two(0));
  for (unsigned i = 0; i < 64; ++i) {
    EXPECT_TRUE(is_power_of_two(uint64_t{1} << i));
    if (i > 1) {
      EXPECT_FALSE(is_power_of_two((uint64_t{1} << i) + 1));
    }
  }
}

TEST(Bits, LowHighAndMasks) {
  EXPECT_EQ(low_bits(0), 0u);
  EXPECT_EQ(low_bits(1), 1u);
  EXPECT_EQ(low_bits(63), ~uint64_t{0} >> 1);
  EXPECT_EQ(low_bits(64), ~uint64_t{0});
  for (unsigned i = 0; i < 64; ++i) {
    EXPECT_EQ(lowest_bit(~uint64_t{0} << i), i);
    EXPECT_EQ(highest_bit(~uint64_t{0} >> (63 - i)), i);
  }
}

bool has_run(uint64_t word, unsigned at, unsigned count) {
  if (at + count > 64) return false;
  for (unsigned i = at; i < at + count; ++i) {
    if (((word >> i) & 1) == 0) return false;
  }
  return true;
}

TEST(Bits, RunStartsAgreeWithCounting) {
  std::mt19937_64 random(20);
  for (int trial = 0; trial < 200; ++trial) {
    // Mostly ones, or long runs would never be met.
    uint64_t word = random();
    for (int more = trial % 5; more > 0; --more) word |= random();
    if (trial == 0) word = ~uint64_t{0};
    if (trial == 1) word = 0;
    for (unsigned count = 1; count <= 64; ++count) {
      uint64_t expected = 0;
      for (unsigned at = 0; at < 64; ++at) expected |= uint64_t{has_run(word, at, count)} << at;
      ASSERT_EQ(run_starts(word, count), expected) << std::hex << word << " runs of " << std::dec << count;
    }
  }
}

}  // namespace
}  // namespace loam::base
