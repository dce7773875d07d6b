#include "heap/span.hpp"

#include <gtest/gtest.h>

#include "heap/span_list.hpp"

namespace loam::heap {
namespace {

void shape(Span& span, unsigned class_index) {
  const SizeClass& of_class = kSizeClasses[class_index];
  span.start = reinterpret_cast<char*>(uint64_t{0x200000000000});
  span.slices = of_class.slices;
  span.blocks = of_class.blocks;
  span.block_size = of_class.size;
  span.inverse = of_class.inverse;
  span.first = reinterpret_cast<uint64_t>(span.end()) - uint64_t{of_class.blocks} * of_class.size;
}

TEST(Span, BlocksAndAddresses) {
  for (const unsigned index : {0u, 2u, 63u, 64u, 80u, kClasses - 1}) {
    Span span{};
    shape(span, index);
    EXPECT_EQ(block_at(span, span.blocks), span.end());
    for (uint64_t i = 0; i < span.blocks; i += 3) {
      char* block = block_at(span, i);
      EXPECT_EQ(block_index(span, block).index, i);
      EXPECT_EQ(block_index(span, block).rest, 0u);
      EXPECT_EQ(block_index(span, block + 1).index, i);
      EXPECT_NE(block_index(span, block + 1).rest, 0u);
      EXPECT_EQ(block_index(span, block + span.block_size - 1).index, i);
      EXPECT_NE(block_index(span, block + span.block_size - 1).rest, 0u);
    }
  }
}

TEST(Span, LiveBlocks) {
  Span span{};
  shape(span, 0);
  EXPECT_EQ(count_live(span), 0u);
  for (const unsigned i : {0u, 2u, 64u, 1023u}) span.states[i] = kBlockLive;
  span.states[1] = kBlockZero;
  EXPECT_EQ(count_live(span), 4u);
  EXPECT_FALSE(is_free(span, 0));
  EXPECT_TRUE(is_free(span, 1));
  EXPECT_TRUE(is_free(span, 3));
  EXPECT_EQ(live_bits(span, 0), 5u);
  EXPECT_EQ(live_bits(span, 1), 1u);
  EXPECT_EQ(live_bits(span, 15), uint64_t{1} << 63);
}

TEST(Span, RecordsEndBehindTheirLastWord) {
  EXPECT_LE(record_bytes(kMaxBlocks), sizeof(Span));
  for (const SizeClass& of_class : kSizeClasses) {
    Span span{};
    span.blocks = of_class.blocks;
    const auto* end = reinterpret_cast<const char*>(span.available() + span.words());
    EXPECT_GE(reinterpret_cast<const char*>(&span) + record_bytes(of_class.blocks), end);
    EXPECT_GE(reinterpret_cast<uint8_t*>(span.available()), span.states + of_class.blocks);
    EXPECT_EQ(record_bytes(of_class.blocks) % 64, 0u);
  }
}

TEST(SpanList, KeepsOrderWhenAnyIsUnlinked) {
  Span a{};
  Span b{};
  Span c{};
  Span* head = nullptr;
  push_front(head, c);
  push_front(head, b);
  push_front(head, a);
  EXPECT_EQ(head, &a);
  unlink(head, b);
  EXPECT_EQ(a.next, &c);
  EXPECT_EQ(c.prev, &a);
  unlink(head, a);
  EXPECT_EQ(head, &c);
  EXPECT_EQ(c.prev, nullptr);
  push_front(head, b);
  unlink(head, c);
  EXPECT_EQ(head, &b);
  EXPECT_EQ(b.next, nullptr);
  unlink(head, b);
  EXPECT_EQ(head, nullptr);
}

}  // namespace
}  // namespace loam::heap
