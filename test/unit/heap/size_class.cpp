#include "heap/size_class.hpp"

#include <gtest/gtest.h>

namespace loam::heap {
namespace {

TEST(SizeClass, SmallestClassThatHoldsEachSize) {
  for (size_t size = 1; size <= kMaxSmall; ++size) {
    const unsigned index = class_of(size);
    ASSERT_LT(index, kClasses);
    ASSERT_GE(size_of_class(index), size);
    if (index > 0) {
      ASSERT_LT(size_of_class(index - 1), size);
    }
  }
}

TEST(SizeClass, WasteIsAtMostAnEighth) {
  for (size_t size = 129; size <= kMaxSmall; ++size)
    ASSERT_LE((size_of_class(class_of(size)) - size) * 8, size) << size;
}

TEST(SizeClass, EverySizeIsAlignedForMalloc) {
  for (unsigned i = 0; i < kClasses; ++i) EXPECT_EQ(size_of_class(i) % kGranule, 0u);
}

TEST(SizeClass, SpansHoldTheirBlocks) {
  for (unsigned i = 0; i < kClasses; ++i) {
    const SizeClass& shape = kSizeClasses[i];
    const size_t bytes = shape.slices * meta::kSlice;
    EXPECT_EQ(shape.size, size_of_class(i));
    EXPECT_LE(size_t{shape.blocks} * shape.size, bytes);
    EXPECT_LE(shape.blocks, kMaxBlocks);
    // Above 4 KiB fewer: what a span has free, no other class can use.
    EXPECT_GE(shape.blocks, i == kGrowthClass || shape.size > 4096 ? 1u : 8u);
    EXPECT_LE(shape.slices, 64u);  // claimed from one word, without a lock
    // What is left over is less than 1/16, unless the bitmap is full.
    if (shape.blocks < kMaxBlocks) {
      EXPECT_LE((bytes - size_t{shape.blocks} * shape.size) * 16, bytes) << shape.size;
    }
  }
}

}  // namespace
}  // namespace loam::heap
