#include "heap/walk.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/heap.hpp"

namespace loam::heap {
namespace {

TEST(Walk, FiguresAreExact) {
  test::HeapUser user;
  Figures before;
  measure(&before);
  std::vector<void*> blocks;
  for (int i = 0; i < 5000; ++i) blocks.push_back(user.allocate(333));
  blocks.push_back(user.allocate(100000));
  blocks.push_back(user.allocate(kMaxInside + 1));
  Figures with;
  measure(&with);
  const unsigned index = class_of(333);
  EXPECT_EQ(with.classes[index].live_blocks, before.classes[index].live_blocks + 5000);
  EXPECT_EQ(with.large_blocks, before.large_blocks + 1);
  EXPECT_EQ(with.large_bytes, before.large_bytes + base::align_up(100000, kPage));
  EXPECT_EQ(with.outside_blocks, before.outside_blocks + 1);
  EXPECT_EQ(with.live_blocks, before.live_blocks + 5002);
  EXPECT_EQ(with.live_bytes,
            before.live_bytes + 5000 * 336 + base::align_up(100000, kPage) + kMaxInside + kPage);
  const uint64_t blocks_of_class = uint64_t{kSizeClasses[index].blocks} * with.classes[index].spans;
  EXPECT_EQ(with.classes[index].live_blocks + with.classes[index].free_blocks, blocks_of_class);
  EXPECT_GE(with.mapped_bytes, with.span_bytes + with.outside_bytes);
  EXPECT_GT(with.metadata_bytes, 0u);
  EXPECT_GE(with.heaps, 1u);
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
  Figures after;
  measure(&after);
  EXPECT_EQ(after.live_blocks, before.live_blocks);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
}

TEST(Walk, HighestBlock) {
  test::HeapUser user;
  auto* block = static_cast<char*>(user.allocate(kMaxInside));
  std::vector<void*> beside;
  Figures figures;
  measure(&figures);
  EXPECT_GE(static_cast<const char*>(figures.highest_block), block);
  user.release(block);
}

TEST(Walk, SpansInAddressOrderOnce) {
  test::HeapUser user;
  std::vector<void*> blocks;
  for (size_t size = 16; size < 300000; size += size / 3 + 16) blocks.push_back(user.allocate(size));
  const char* end = nullptr;
  for_each_span(
      [](Span& span, void* argument) {
        auto& last = *static_cast<const char**>(argument);
        EXPECT_GE(span.start, last);
        last = span.end();
      },
      &end);
  EXPECT_NE(end, nullptr);
  for (void* block : blocks) user.release(block);
}

TEST(Walk, VerifySeesWhatIsBroken) {
  test::HeapUser user;
  EXPECT_EQ(verify(), nullptr);
  void* block = user.allocate(64);
  Span& span = *page_map.find(block);
  const uint64_t slice = page_map.slice_of(span.start);
  page_map.set(slice + 1, 1, &none_span);
  EXPECT_NE(verify(), nullptr);
  page_map.set(slice + 1, 1, &span);
  EXPECT_EQ(verify(), nullptr);
  const uint64_t index = block_index(span, block).index;
  span.available()[index / 64] ^= uint64_t{1} << (index % 64);
  EXPECT_STREQ(verify(), "a live block is available");
  span.available()[index / 64] ^= uint64_t{1} << (index % 64);
  Stack& stack = user.heap().stack(class_of(64));
  *++stack.top = {static_cast<char*>(block), &span.states[index]};
  EXPECT_STREQ(verify(), "a live block is in a stack");
  span.states[index] = kBlockFree;
  EXPECT_EQ(verify(), nullptr);
  stack.top[1] = *stack.top;
  ++stack.top;
  EXPECT_STREQ(verify(), "a block is in a stack twice");
  stack.top -= 2;
  span.states[index] = kBlockLive;
  ThreadHeap* owner = span.owner;
  span.owner = nullptr;
  EXPECT_STREQ(verify(), "a span of small blocks has no owner");
  span.owner = owner;
  EXPECT_EQ(verify(), nullptr);
  user.release(block);
}

// Figures taken while other threads work are smeared, but never wild.
TEST(Walk, MeasureWhileOthersWork) {
  test::HeapUser user;
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      test::HeapUser other;
      std::vector<void*> blocks;
      for (size_t i = 0; !done; ++i) {
        blocks.push_back(other.allocate(16 + i * 37 % 90000));
        if (blocks.size() == 100 + static_cast<size_t>(t) * 100) {
          for (void* block : blocks) other.release(block);
          blocks.clear();
          trim(other.heap());
        }
      }
      for (void* block : blocks) other.release(block);
    });
  }
  for (int i = 0; i < 100; ++i) {
    Figures figures;
    measure(&figures);
    EXPECT_LE(figures.live_bytes, uint64_t{1} << 30);
    EXPECT_LE(figures.large_blocks, 1000u);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(verify(), nullptr);
}

}  // namespace
}  // namespace loam::heap
