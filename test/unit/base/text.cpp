#include "base/text.hpp"

#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <string>

namespace loam::base {
namespace {

TEST(Text, NumbersAsPrintfWritesThem) {
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{9}, uint64_t{10}, uint64_t{0xabcdef}, uint64_t{1} << 60, ~uint64_t{0}}) {
    char expected[64];
    std::snprintf(expected, sizeof expected, "%" PRIu64 " 0x%" PRIx64, number, number);
    Text text;
    text.add(number).add(" ").add_hex(number);
    EXPECT_STREQ(text.data(), expected);
    EXPECT_EQ(text.size(), std::string(expected).size());
  }
}

TEST(Text, CutsWhatDoesNotFit) {
  Text text;
  for (int i = 0; i < 1000; ++i) text.add("abc");
  EXPECT_EQ(text.size(), 511u);
  EXPECT_EQ(std::string(text.data()).size(), 511u);
  text.add("more");
  EXPECT_EQ(text.size(), 511u);
}

TEST(Text, IsEmptyAtFirst) {
  const Text text;
  EXPECT_STREQ(text.data(), "");
  EXPECT_EQ(text.size(), 0u);
}

}  // namespace
}  // namespace loam::base
