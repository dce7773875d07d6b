#include "heap/small_span.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "heap/refill.hpp"
#include "heap/stack.hpp"
#include "support/heap.hpp"

namespace loam::heap {
namespace {

TEST(SmallSpan, EmptySpansGoBackButForAFew) {
  test::HeapUser user;
  std::vector<void*> blocks;
  for (int i = 0; i < 200000; ++i) blocks.push_back(user.allocate(100));
  Figures full;
  measure(&full);
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
  Figures empty;
  measure(&empty);
  EXPECT_EQ(empty.classes[class_of(100)].live_blocks, 0u);
  // What a heap keeps, and the current span.
  EXPECT_LE(empty.span_bytes, full.span_bytes - 200000 * 112 + (1 << 20));
  trim(user.heap());
  measure(&empty);
  EXPECT_EQ(empty.classes[class_of(100)].spans, 0u);
  EXPECT_EQ(verify(), nullptr);
  EXPECT_NE(user.allocate(100), nullptr);
}

TEST(SmallSpan, KeepsRoomInFrontWhereAsked) {
  test::HeapUser user;
  trim(user.heap());
  front_room = 8;
  std::vector<void*> blocks;
  for (const size_t size : std::initializer_list<size_t>{16, 48, 64, 112, 512, 1024}) {
    for (size_t got = 0; got < 400'000; got += size) blocks.push_back(user.allocate(size));
  }
  front_room = 0;
  std::map<Span*, unsigned> of_span;
  for (void* block : blocks) ++of_span[page_map.find(block)];
  unsigned whole = 0;
  for (const auto& [span, count] : of_span) {
    EXPECT_GE(span->first - reinterpret_cast<uint64_t>(span->start), 8u) << span->block_size;
    EXPECT_LE(count, span->blocks) << span->block_size;
    whole += count == span->blocks;
  }
  EXPECT_GT(whole, 6u);
  EXPECT_EQ(verify(), nullptr);
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
  trim(user.heap());
  EXPECT_EQ(verify(), nullptr);
}

// Current, full, back in the list once a part of it is free, and given back when another serves the class.
TEST(SmallSpan, GoesThroughItsStates) {
  constexpr unsigned kIndex = class_of(864);
  test::HeapUser user;
  trim(user.heap());
  void* first = user.allocate(864);
  Span& span = *page_map.find(first);
  EXPECT_EQ(span.state, SpanState::kCurrent);
  std::vector<void*> blocks;
  std::vector<void*> others;
  while (others.empty()) {
    void* block = user.allocate(864);
    (page_map.find(block) == &span ? blocks : others).push_back(block);
  }
  EXPECT_EQ(span.state, SpanState::kFull);
  EXPECT_EQ(count_available(span), 0u);
  const auto empty = [&] {
    const BusyMark mark(user.heap());
    empty_stack(user.heap(), kIndex);
  };
  while (span.state == SpanState::kFull && !blocks.empty()) {
    ASSERT_TRUE(user.release(blocks.back()));
    blocks.pop_back();
    empty();
  }
  EXPECT_EQ(span.state, SpanState::kAvailable);
  EXPECT_EQ(user.heap().classes[kIndex].available, &span);
  EXPECT_GE(count_available(span), 1u);
  EXPECT_FALSE(blocks.empty());
  const uint32_t spans = user.heap().classes[kIndex].spans;
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
  ASSERT_TRUE(user.release(first));
  empty();
  EXPECT_TRUE(span.kept_empty);  // nothing else is in the list
  trim(user.heap());
  EXPECT_EQ(user.heap().classes[kIndex].spans, spans - 1);
  for (void* block : others) EXPECT_TRUE(user.release(block));
  EXPECT_EQ(verify(), nullptr);
}

}  // namespace
}  // namespace loam::heap
