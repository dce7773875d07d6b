#include "sys/cpu.hpp"

#include <gtest/gtest.h>

#include <random>

namespace loam::sys {
namespace {

TEST(Cpu, CountsOnlyTheHighestByteToZero) {
  uint8_t bytes[3] = {1, 0xff, 2};
  EXPECT_TRUE(count_to_zero(&bytes[1]));
  EXPECT_EQ(bytes[1], 0);
  for (unsigned value = 0; value < 0xff; ++value) {
    bytes[1] = static_cast<uint8_t>(value);
    EXPECT_FALSE(count_to_zero(&bytes[1]));
    EXPECT_EQ(bytes[1], value);
  }
  EXPECT_EQ(bytes[0], 1);
  EXPECT_EQ(bytes[2], 2);
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
