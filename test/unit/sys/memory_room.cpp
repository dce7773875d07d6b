#include "sys/memory_room.hpp"

#include <gtest/gtest.h>

#include "sys/kernel.hpp"

namespace {

using namespace loam::sys;

TEST(MemoryRoom, IsThatOfTheTighter) {
  MemoryRoom room{1000, 400, 5000};
  EXPECT_EQ(room.room(), 600u);
  room.available = 100;
  EXPECT_EQ(room.room(), 100u);
  room = {1000, 2000, 5000};
  EXPECT_EQ(room.room(), 0u);
  room = {~uint64_t{0}, 0, 5000};
  EXPECT_EQ(room.room(), 5000u);
}

TEST(MemoryRoom, OfThisMachine) {
  const MemoryRoom room = memory_room();
  EXPECT_GT(room.available, 0u);
  EXPECT_LE(room.available, physical_memory());
  EXPECT_GT(room.room(), 0u);
}

}  // namespace
