#include "lib/gc/size_class.hpp"

#include <gtest/gtest.h>

namespace loam::collector {
namespace {

TEST(GcSizeClass, TheSmallestThatHoldsIt) {
  for (size_t bytes = 0; bytes <= kSmallMost; ++bytes) {
    const unsigned found = class_of(bytes);
    ASSERT_LT(found, kClasses);
    EXPECT_GE(class_bytes(found), bytes);
    if (found > 0) {
      EXPECT_LT(class_bytes(found - 1), bytes) << bytes;
    }
  }
}

TEST(GcSizeClass, LittleIsLost) {
  EXPECT_EQ(class_bytes(class_of(16)), 16u);
  EXPECT_EQ(class_bytes(class_of(64)), 64u);
  for (unsigned i = 0; i < kClasses; ++i) {
    EXPECT_EQ(class_bytes(i) % kUnit, 0u);
    // Of a block less than an eighth is cut off.
    EXPECT_LT(kBlockBytes % class_bytes(i), kBlockBytes / 8);
  }
}

TEST(GcSizeClass, Kinds) {
  EXPECT_TRUE(is_atomic(debug_kind(Kind::kAtomic)));
  EXPECT_TRUE(is_kept(debug_kind(Kind::kKeptAtomic)));
  EXPECT_FALSE(is_kept(Kind::kTyped));
  EXPECT_EQ(plain_kind(debug_kind(Kind::kKept)), Kind::kKept);
}

}  // namespace
}  // namespace loam::collector
