#include "scan/scratch.hpp"

#include <gtest/gtest.h>

#include "sys/kernel.hpp"

namespace {

using namespace loam;

TEST(Scratch, GivesZeroedRoomThatNobodyCounts) {
  const uint64_t calls = sys::total_calls();
  uint64_t start = 0;
  {
    scan::Scratch scratch;
    auto* numbers = scratch.take<uint64_t>(100'000);
    ASSERT_NE(numbers, nullptr);
    for (uint64_t i = 0; i < 100'000; ++i) ASSERT_EQ(numbers[i], 0u);
    ASSERT_EQ(scratch.pieces(), 1u);
    start = scratch.piece(0).start;
    EXPECT_EQ(start, reinterpret_cast<uint64_t>(numbers));
    EXPECT_GE(scratch.piece(0).end, start + 800'000);
    EXPECT_NE(scratch.take<char>(0), nullptr);
  }
  EXPECT_EQ(sys::total_calls(), calls);
}

TEST(Scratch, SaysWhenThereIsNoRoom) {
  scan::Scratch scratch;
  EXPECT_EQ(scratch.take<char>(uint64_t{1} << 60), nullptr);
  unsigned pieces = 0;
  while (scratch.take<char>(1) != nullptr) ++pieces;
  EXPECT_EQ(pieces, scratch.pieces());
}

}  // namespace
