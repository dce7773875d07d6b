#include "lib/gc/space.hpp"

#include <gtest/gtest.h>

namespace loam::collector {
namespace {

class GcSpace : public testing::Test {
 protected:
  // The process's space is one: here a second one.
  static Space& own() {
    static Space made;
    if (!made.opened()) {
      EXPECT_TRUE(made.open());
    }
    return made;
  }
};

TEST_F(GcSpace, EveryByteOfEveryClassIsFound) {
  Space& space = own();
  for (unsigned size_class = 0; size_class < kClasses; ++size_class) {
    const uint32_t number = space.take(1);
    ASSERT_NE(number, kNoBlock);
    space.make_small(number, Kind::kNormal, size_class);
    const uint64_t start = space.address(number);
    const uint64_t bytes = class_bytes(size_class);
    for (uint64_t offset = 0; offset < kBlockBytes; ++offset) {
      const Slot slot = space.find(start + offset);
      if (offset / bytes >= kBlockBytes / bytes) {
        EXPECT_EQ(slot.block, kNoBlock);
        continue;
      }
      ASSERT_EQ(slot.block, number) << offset << " in class " << size_class;
      ASSERT_EQ(slot.index, offset / bytes) << offset << " in class " << size_class;
    }
    space.release(number);
    EXPECT_EQ(space.find(start).block, kNoBlock);
  }
}

TEST_F(GcSpace, LargeObjectsFromAllTheirBlocks) {
  Space& space = own();
  const uint32_t first = space.take(5);
  ASSERT_NE(first, kNoBlock);
  space.make_large(first, 5, Kind::kAtomic, 5 * kBlockBytes - 100);
  space.live(first)[0] = 1;
  for (uint64_t offset = 0; offset < 5 * kBlockBytes; offset += 1000) {
    const Slot slot = space.find(space.address(first) + offset);
    EXPECT_TRUE(space.is_live(slot));
    EXPECT_EQ(space.start_of(slot), space.address(first));
  }
  EXPECT_EQ(space.bytes_of({first, 0}), 5 * kBlockBytes - 100);
  const uint64_t free_before = space.free_blocks();
  space.release(first);
  EXPECT_EQ(space.free_blocks(), free_before + 5);
  EXPECT_FALSE(space.is_live(space.find(space.address(first))));
}

TEST_F(GcSpace, LowestFreeBlockFirstAndLimits) {
  Space& space = own();
  const uint32_t low = space.take(1);
  space.make_small(low, Kind::kNormal, 0);
  const uint32_t high = space.take(1);
  space.make_small(high, Kind::kNormal, 0);
  EXPECT_LT(low, high);
  space.release(low);
  EXPECT_EQ(space.take(1), low);
  space.make_small(low, Kind::kNormal, 0);
  space.set_limit(space.used_bytes());
  EXPECT_EQ(space.take(space.block_count() + 1), kNoBlock);
  space.set_limit(UINT64_MAX);
  EXPECT_NE(space.find(space.base() - 1).block, low);
  EXPECT_EQ(space.find(space.base() - 1).block, kNoBlock);
  EXPECT_EQ(space.find(space.base() + space.used_bytes()).block, kNoBlock);
  space.release(low);
  space.release(high);
}

TEST_F(GcSpace, PurgedBlocksAreZero) {
  Space& space = own();
  const uint32_t number = space.take(1);
  space.make_small(number, Kind::kNormal, 3);
  auto* word = reinterpret_cast<uint64_t*>(space.address(number));
  *word = 1;
  space.block(number).pristine = false;
  space.release(number);
  EXPECT_GE(space.purge(), kBlockBytes);
  EXPECT_EQ(*word, 0u);
  EXPECT_TRUE(space.block(number).pristine);
}

}  // namespace
}  // namespace loam::collector
