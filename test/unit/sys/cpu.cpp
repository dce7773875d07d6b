#include "sys/cpu.hpp"

#include <gtest/gtest.h>

#include <random>

namespace loam::sys {
namespace {

TEST(Cpu, BitsOfMemory) {
  struct {
    uint64_t head[3] = {1, 2, 3};
    uint64_t words[2] = {0, 8};
    uint64_t tail = 7;
  } record;
  set_bits(&record.words[0], 5);
  set_bits(&record.words[1], 16);
  EXPECT_EQ(record.words[0], 5u);
  EXPECT_EQ(record.words[1], 24u);
  EXPECT_TRUE(any_bits(&record.words[0], 4));
  EXPECT_FALSE(any_bits(&record.words[0], 2));
  EXPECT_TRUE(any_bits(&record.words[1], 1 | 8));
  EXPECT_EQ(record.head[2], 3u);
  EXPECT_EQ(record.tail, 7u);
}

TEST(Cpu, ReplaceOnlyWhatIsExpected) {
  uint64_t word = 3;
  uint64_t expected = 4;
  EXPECT_FALSE(replace(&word, expected, 9));
  EXPECT_EQ(word, 3u);
  EXPECT_EQ(expected, 3u);
  EXPECT_TRUE(replace(&word, expected, 9));
  EXPECT_EQ(word, 9u);
}

TEST(Cpu, SingleBits) {
  for (uint64_t i = 0; i < 256; ++i) EXPECT_EQ(single_bit(i), uint64_t{1} << (i % 64));
  for (uint64_t i = 0; i < 64; ++i) EXPECT_EQ(lowest_bit(~uint64_t{0} << i), i);
}

TEST(Cpu, ProductsInFull) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t a = random() >> (i % 64);
    const uint64_t b = random();
    const Product product = multiply(a, b);
    // The schoolbook way, by halves.
    const uint64_t low_low = (a & 0xffffffff) * (b & 0xffffffff);
    const uint64_t high_low = (a >> 32) * (b & 0xffffffff) + (low_low >> 32);
    const uint64_t low_high = (a & 0xffffffff) * (b >> 32) + (high_low & 0xffffffff);
    EXPECT_EQ(product.high, (a >> 32) * (b >> 32) + (high_low >> 32) + (low_high >> 32));
    EXPECT_EQ(product.low, a * b);
  }
}

}  // namespace
}  // namespace loam::sys
