#include "scan/block_map.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "heap/find.hpp"
#include "runtime/heap_view.hpp"
#include "support/heap.hpp"

namespace {

using namespace loam;

class BlockMap : public testing::Test {
 protected:
  void SetUp() override {
    std::mt19937_64 random(4711);
    for (int i = 0; i < 3000; ++i) {
      const size_t size = i % 50 == 0 ? (size_t{64} << 10) + random() % 300'000 : 1 + random() % 3000;
      blocks.push_back(user.allocate(size));
    }
    for (size_t i = 0; i < blocks.size(); i += 3) {
      EXPECT_TRUE(user.release(blocks[i]));
      blocks[i] = nullptr;
    }
    outside = user.allocate(size_t{70} << 20);
    ASSERT_TRUE(map.build(runtime::view_of_heap(), scratch));
  }
  void TearDown() override {
    for (void* block : blocks) {
      if (block != nullptr) user.release(block);
    }
    user.release(outside);
  }

  // What the heap itself says of the word.
  void compare(uint64_t word) {
    const heap::Found expected = heap::find(reinterpret_cast<void*>(word));
    const scan::BlockMap::Block block = map.find(word);
    const bool live = block.span != nullptr && map.live().contains(block.number);
    ASSERT_EQ(live, expected.where == heap::Where::kLive) << std::hex << word;
    if (!live) return;
    EXPECT_EQ(map.address(*block.span, block.index), reinterpret_cast<uint64_t>(expected.block));
    EXPECT_EQ(map.bytes(*block.span, block.index), expected.size);
    const scan::BlockMap::Block again = map.at(block.number);
    EXPECT_EQ(again.span, block.span);
    EXPECT_EQ(again.index, block.index);
  }

  test::HeapUser user;
  std::vector<void*> blocks;
  void* outside = nullptr;
  scan::Scratch scratch;
  scan::BlockMap map;
};

TEST_F(BlockMap, FindsWhatTheHeapFinds) {
  std::mt19937_64 random(815);
  for (void* block : blocks) {
    if (block == nullptr) continue;
    const auto start = reinterpret_cast<uint64_t>(block);
    const uint64_t size = heap::find_size(block);
    for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, random() % size, size - 1, size, size + 7})
      compare(start + offset);
    compare(start - 1);
  }
  const uint64_t window = runtime::view_of_heap().window_start;
  const uint64_t bytes = runtime::view_of_heap().window_slices * meta::kSlice;
  for (int i = 0; i < 200'000; ++i) compare(window + random() % bytes);
}

TEST_F(BlockMap, AnyWordAtAll) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) compare(random());
  for (const uint64_t word : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, uint64_t{1} << 63}) compare(word);
}

TEST_F(BlockMap, BlocksOutsideTheWindow) {
  const auto start = reinterpret_cast<uint64_t>(outside);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{12'345'678}, (uint64_t{70} << 20) - 1})
    compare(start + offset);
  compare(start + (uint64_t{70} << 20));
  EXPECT_GE(start, map.lowest());
  EXPECT_LT(start - map.lowest(), map.extent());
}

TEST_F(BlockMap, CountsLiveBlocks) {
  heap::Figures figures;
  ASSERT_TRUE(heap::measure(&figures));
  EXPECT_EQ(map.live_blocks(), figures.live_blocks);
}

TEST_F(BlockMap, CopiesOfSetsAreIndependent) {
  scan::BlockSet copy = map.copy(map.live(), scratch);
  const scan::BlockMap::Block block = map.find(reinterpret_cast<uint64_t>(outside));
  EXPECT_TRUE(copy.remove(block.number));
  EXPECT_FALSE(copy.remove(block.number));
  EXPECT_TRUE(map.live().contains(block.number));
  copy.insert(block.number);
  EXPECT_TRUE(copy.contains(block.number));
}

}  // namespace
