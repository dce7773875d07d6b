#include "check/poison.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace loam::check {
namespace {

TEST(Poison, WordLeadsBackToSlotAndDisplacement) {
  Poison poison;
  ASSERT_TRUE(poison.open(1024, uint64_t{1} << 40));
  for (const uint64_t slot : {uint64_t{0}, uint64_t{1}, uint64_t{517}, uint64_t{1023}}) {
    for (const int64_t displacement :
         {int64_t{0}, int64_t{8}, int64_t{-16}, int64_t{30000}, int64_t{-30000}}) {
      const Poison::Place place = poison.find(poison.word(slot) + static_cast<uint64_t>(displacement));
      ASSERT_TRUE(place.inside);
      EXPECT_EQ(place.slot, slot);
      EXPECT_EQ(place.displacement, displacement);
    }
  }
  EXPECT_FALSE(poison.find(0).inside);
  EXPECT_FALSE(poison.find(~uint64_t{0}).inside);
  EXPECT_FALSE(poison.find(poison.word(0) - Poison::kMostStride).inside);
}

TEST(Poison, WordBeginsNeitherWithZeroNorOffAlignment) {
  Poison poison;
  ASSERT_TRUE(poison.open(1024, uint64_t{1} << 40));
  for (const uint64_t slot : {uint64_t{0}, uint64_t{517}}) {
    EXPECT_GE(poison.word(slot) & 0xff, 0x80u);
    EXPECT_EQ(poison.word(slot) % 16, 0u);
  }
}

TEST(Poison, TouchingTheRegionFaults) {
  Poison poison;
  ASSERT_TRUE(poison.open(16, uint64_t{1} << 30));
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(poison.word(3)) = 1, "");
}

TEST(Poison, LittleRoomTakesASmallerStride) {
  Poison poison;
  ASSERT_TRUE(poison.open(1024, 1024 * Poison::kLeastStride));
  EXPECT_EQ(poison.region_bytes(), 1024 * Poison::kLeastStride);
  EXPECT_EQ(poison.find(poison.word(9) + 100).slot, 9u);
}

TEST(Poison, WithoutRoomThereIsNoRegionAndYetAPattern) {
  Poison poison;
  EXPECT_FALSE(poison.open(1024, 4096));
  EXPECT_FALSE(poison.has_region());
  EXPECT_FALSE(poison.find(poison.word(1)).inside);
}

TEST(Poison, EachChangedByteIsSeen) {
  constexpr uint64_t kWord = 0x0000'7f12'3456'789au;
  for (size_t bytes = 0; bytes < 100; ++bytes) {
    std::vector<char> block(bytes + 8, 'x');
    fill_poison(block.data(), bytes, kWord);
    EXPECT_EQ(block[bytes], 'x');
    const char* last = nullptr;
    EXPECT_EQ(find_unpoisoned(block.data(), bytes, kWord, &last), nullptr);
    for (size_t at = 0; at < bytes; ++at) {
      block[at] = static_cast<char>(block[at] + 1);
      EXPECT_EQ(find_unpoisoned(block.data(), bytes, kWord, &last), &block[at]);
      EXPECT_EQ(last, &block[at]);
      block[at] = static_cast<char>(block[at] - 1);
    }
  }
}

}  // namespace
}  // namespace loam::check
