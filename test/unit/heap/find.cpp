#include "heap/find.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "support/heap.hpp"

namespace loam::heap {
namespace {

TEST(Find, SmallBlocks) {
  test::HeapUser user;
  auto* block = static_cast<char*>(user.allocate(1200));  // 1280: leaves a rest in front of the first block
  const Span& span = *page_map.find(block);
  for (const size_t at : {size_t{0}, size_t{1}, size_t{1279}}) {
    const Found found = find(block + at);
    EXPECT_EQ(found.where, Where::kLive);
    EXPECT_EQ(found.block, block);
    EXPECT_EQ(found.size, 1280u);
    EXPECT_EQ(found.span, &span);
  }
  ASSERT_GT(reinterpret_cast<char*>(span.first), span.start);
  EXPECT_EQ(find(span.start).where, Where::kRest);
  EXPECT_EQ(find(reinterpret_cast<char*>(span.first) - 1).where, Where::kRest);
  EXPECT_EQ(find(span.end() - 1).where, Where::kFreeBlock);
  EXPECT_EQ(find_size(block), 1280u);
  EXPECT_EQ(find_size(block + 1), 1280u);
  user.release(block);
  EXPECT_EQ(find(block).where, Where::kFreeBlock);
  EXPECT_EQ(find_size(block), 0u);
  trim(user.heap());
  EXPECT_EQ(find(block).where, Where::kFreeSpan);
  EXPECT_EQ(find(block).size, 1280u);  // still known by size
}

TEST(Find, LargeBlocks) {
  test::HeapUser user;
  auto* block = static_cast<char*>(user.allocate(70000));
  EXPECT_EQ(find(block + 69999).block, block);
  EXPECT_EQ(find(block + base::align_up(70000, kPage)).where, Where::kRest);
  user.release(block);
  EXPECT_EQ(find(block).where, Where::kFreeBlock);
  EXPECT_EQ(find(block + 8).where, Where::kFreeSpan);
  EXPECT_EQ(find(block + 2 * meta::kSlice).where, Where::kFreeSpan);
}

TEST(Find, AnyWordAtAll) {
  test::HeapUser user;
  int local = 0;
  EXPECT_EQ(find(&local).where, Where::kNowhere);
  EXPECT_EQ(find(nullptr).where, Where::kNowhere);
  EXPECT_EQ(find(reinterpret_cast<void*>(~uint64_t{0})).where, Where::kNowhere);
  void* outside = user.allocate(kMaxInside + 1);
  std::mt19937_64 random(4);
  for (int i = 0; i < 100000; ++i) {
    const Found found = find(reinterpret_cast<void*>(random() >> (i % 40)));
    ASSERT_TRUE(found.where == Where::kNowhere || found.span != nullptr || found.block == outside);
  }
  user.release(outside);
}

// Spans come, go and change their class while others ask: any answer will do, a fault will not.
TEST(Find, WhileSpansChange) {
  test::HeapUser user;
  user.release(user.allocate(16));  // the window has a first region
  std::atomic<bool> done{false};
  std::atomic<uint64_t> answers{0};
  std::thread reader([&] {
    std::mt19937_64 random(5);
    while (!done) {
      const uint64_t bytes = regions.window_slices() * meta::kSlice;
      const Found found = find(page_map.address_of(0) + random() % bytes);
      if (found.where == Where::kLive && found.size == 0) return;
      answers.fetch_add(1, std::memory_order_relaxed);
    }
  });
  for (int round = 0; round < 60 || answers < 1000; ++round) {
    std::vector<void*> blocks;
    for (size_t size : {16u, 600u, 5000u, 40000u, 100000u}) {
      for (int i = 0; i < 40; ++i) blocks.push_back(user.allocate(size + static_cast<size_t>(round) * 16));
    }
    for (void* block : blocks) user.release(block);
    trim(user.heap());
  }
  done = true;
  reader.join();
  EXPECT_GE(answers.load(), 1000u);
  EXPECT_EQ(verify(), nullptr);
}

}  // namespace
}  // namespace loam::heap
