// What is small enough to be tried in full: every size that has a class, every address of a span of every class.
#include <gtest/gtest.h>

#include "heap/span.hpp"

namespace loam::heap {
namespace {

TEST(Exhaustive, SizesOfAllClasses) {
  unsigned before = 0;
  for (size_t size = 1; size <= kMaxSmall; ++size) {
    const unsigned index = class_of(size);
    ASSERT_GE(index, before);
    ASSERT_LE(index, before + 1);
    before = index;
    ASSERT_LT(index, kOrdinaryClasses);
    ASSERT_GE(size_of_class(index), size);
    ASSERT_TRUE(index == 0 || size_of_class(index - 1) < size);
    ASSERT_EQ(kSizeClasses[index].size, size_of_class(index));
  }
}

// Against plain division: 112 classes, up to 1 MiB of addresses each.
TEST(Exhaustive, BlockIndexOfEveryAddress) {
  for (unsigned index = 0; index < kClasses; ++index) {
    const SizeClass& shape = kSizeClasses[index];
    Span span{};
    span.start = reinterpret_cast<char*>(uint64_t{0x2a5b00000000} + index * uint64_t{0x40000000});
    span.slices = shape.slices;
    span.blocks = shape.blocks;
    span.block_size = shape.size;
    span.inverse = shape.inverse;
    span.first = reinterpret_cast<uint64_t>(span.end()) - uint64_t{shape.blocks} * shape.size;
    uint64_t quotient = 0;
    uint64_t rest = 0;
    for (const char* address = reinterpret_cast<char*>(span.first); address < span.end(); ++address) {
      const BlockIndex at = block_index(span, address);
      ASSERT_EQ(at.index, quotient) << "size " << shape.size;
      ASSERT_EQ(at.rest == 0, rest == 0) << "size " << shape.size;
      if (++rest == shape.size) {
        rest = 0;
        ++quotient;
      }
    }
    ASSERT_EQ(quotient, shape.blocks);
    for (const char* address = span.start; address < reinterpret_cast<char*>(span.first); ++address)
      ASSERT_NE(block_index(span, address).rest, 0u) << "in front of the first block, size " << shape.size;
  }
}

}  // namespace
}  // namespace loam::heap
