#include "scan/mark_helper.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "runtime/heap_view.hpp"
#include "support/heap.hpp"

namespace {

using namespace loam;

// A tree of four children a block over blocks that lie in any order, and as many that nothing leads to.
class MarkHelper : public testing::Test {
 protected:
  static constexpr size_t kBlocks = 120'000;

  void SetUp() override {
    for (size_t i = 0; i < 2 * kBlocks; ++i) {
      const size_t bytes = 48 + 16 * (i % 5);
      blocks.push_back(static_cast<uint64_t*>(user.allocate(bytes)));
      __builtin_memset(blocks.back(), 0, bytes);
    }
    uint64_t state = 4711;
    for (size_t i = blocks.size(); i-- > 1;) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      std::swap(blocks[i], blocks[(state >> 33) % (i + 1)]);
    }
    for (size_t i = 0; i < kBlocks; ++i) {
      for (size_t j = 0; j < 4; ++j) {
        const size_t child = 4 * i + 1 + j;
        if (child < kBlocks) blocks[i][j] = reinterpret_cast<uint64_t>(blocks[child]);
      }
    }
    ASSERT_TRUE(map.build(runtime::view_of_heap(), scratch));
    ASSERT_TRUE(readable.prepare(scratch, 1));
    open = map.copy(map.live(), scratch);
  }
  void TearDown() override {
    for (void* block : blocks) user.release(block);
  }
  void expect_marked() {
    size_t wrong = 0;
    for (size_t i = 0; i < blocks.size(); ++i) {
      const bool reached = !open.contains(map.find(reinterpret_cast<uint64_t>(blocks[i])).number);
      wrong += reached == (i < kBlocks) ? 0u : 1u;
    }
    EXPECT_EQ(wrong, 0u);
  }

  test::HeapUser user;
  std::vector<uint64_t*> blocks;
  scan::Scratch scratch;
  scan::BlockMap map;
  scan::Readable readable;
  scan::BlockSet open;
};

TEST_F(MarkHelper, TwoMarkersTakeEachBlockOnce) {
  scan::WorkPool pool;
  scan::Marker first(map, open, nullptr);
  scan::Marker second(map, open, nullptr);
  ASSERT_TRUE(first.prepare(scratch) && second.prepare(scratch));
  first.share(pool);
  second.share(pool);
  ASSERT_TRUE(pool.enter());
  std::thread helper([&] {
    if (!pool.enter()) return;
    second.help();
    pool.leave();
  });
  // In two parts, as roots come: the helper waits in between.
  first.add_word(blocks[1][0]);
  first.drain();
  first.add_word(reinterpret_cast<uint64_t>(blocks[0]));
  first.drain();
  pool.close();
  helper.join();
  expect_marked();
  EXPECT_EQ(first.blocks() + second.blocks(), kBlocks);
}

TEST_F(MarkHelper, AThreadOfItsOwnMarksAlong) {
  scan::Marker marker(map, open, &readable);
  ASSERT_TRUE(marker.prepare(scratch));
  scan::MarkHelper* helper = scan::MarkHelper::start(map, open, readable, scratch);
  if (helper != nullptr && helper->pool().enter()) marker.share(helper->pool());
  marker.add_word(reinterpret_cast<uint64_t>(blocks[0]));
  marker.drain();
  if (helper != nullptr) helper->finish();
  expect_marked();
  EXPECT_EQ(marker.blocks() + (helper == nullptr ? 0 : helper->marker().blocks()), kBlocks);
}

// The start of a thread would take longer than the marking.
TEST_F(MarkHelper, ASmallHeapGetsNone) {
  scan::BlockMap none;
  scan::HeapView empty = runtime::view_of_heap();
  empty.for_each_span = [](void (*)(const scan::SpanView&, void*), void*) {};
  ASSERT_TRUE(none.build(empty, scratch));
  scan::BlockSet nothing = none.copy(none.live(), scratch);
  EXPECT_EQ(scan::MarkHelper::start(none, nothing, readable, scratch), nullptr);
}

}  // namespace
