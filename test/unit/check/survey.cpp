#include "check/survey.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "check/check.hpp"
#include "support/heap.hpp"

namespace loam::check {
namespace {

uint64_t word(const void* address) { return reinterpret_cast<uint64_t>(address); }

std::vector<BlockInfo> visited(uint64_t from = 0, uint64_t before = ~uint64_t{0}) {
  std::vector<BlockInfo> blocks;
  for_each_window_block(
      from, before,
      [](const BlockInfo& block, void* to) {
        if (block.record->state == BlockState::kLive)
          static_cast<std::vector<BlockInfo>*>(to)->push_back(block);
      },
      &blocks);
  return blocks;
}

// With both windows: the first block of each site stands against a guard page, the others lie in the page tier.
class Survey : public ::testing::Test {
 protected:
  void SetUp() override {
    heap::fast_heap = &heap::null_heap;
    user_.heap().shown = &heap::null_heap;
    static const bool opened = open(
        {Tier::kDefault, false, true, uint64_t{1} << 20, uint64_t{16} << 20, 1, 0}, {[](const Finding&) {}});
    ASSERT_TRUE(opened);
  }
  char* take(size_t size, StackId stack) {
    return static_cast<char*>(allocate(&user_.heap(), {size, 4, Family::kMalloc, false, stack}));
  }
  void give(void* block) { release(&user_.heap(), {block, Family::kMalloc, false, 0, 9}); }

  test::HeapUser user_;
};

TEST_F(Survey, AllLiveBlocksInAddressOrder) {
  std::vector<char*> taken;
  for (unsigned i = 0; i < 1000; ++i) taken.push_back(take(1 + i % 700, 100 + i / 10));
  for (unsigned i = 0; i < 1000; i += 3) give(taken[i]);
  const std::vector<BlockInfo> blocks = visited();
  EXPECT_EQ(blocks.size(), 666u);
  for (size_t i = 1; i < blocks.size(); ++i)
    EXPECT_LE(blocks[i - 1].user + blocks[i - 1].size, blocks[i].user);
  size_t known = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    if (i % 3 == 0) continue;
    for (const BlockInfo& block : blocks) {
      if (block.user != taken[i]) continue;
      EXPECT_EQ(block.size, 1 + i % 700);
      EXPECT_EQ(block.history->allocated_at, 100 + i / 10);
      ++known;
    }
    give(taken[i]);
  }
  EXPECT_EQ(known, 666u);
  EXPECT_TRUE(visited().empty());
}

TEST_F(Survey, OnlyWindowsThatBeginInTheRange) {
  char* guarded = take(40, 7000);
  char* in_page = take(40, 7000);
  const uint64_t lower = word(guarded < in_page ? guarded : in_page);
  const uint64_t upper = word(guarded < in_page ? in_page : guarded);
  EXPECT_EQ(visited(0, lower).size() + visited(lower, upper).size() + visited(upper).size(), 2u);
  EXPECT_EQ(visited(upper).size(), 0u);
  give(guarded);
  give(in_page);
}

TEST_F(Survey, BlocksLieInPiecesThatDoNotOverlap) {
  char* blocks[] = {take(40, 8000), take(40, 8000)};
  Piece pieces[kMostPieces];
  const unsigned count = own_pieces(pieces);
  ASSERT_GT(count, 4u);
  for (const char* block : blocks) {
    unsigned holding = 0;
    for (unsigned i = 0; i < count; ++i)
      holding += word(block) >= pieces[i].start && word(block) < pieces[i].end;
    EXPECT_EQ(holding, 1u);
  }
  for (unsigned i = 0; i < count; ++i) {
    EXPECT_LT(pieces[i].start, pieces[i].end);
    for (unsigned j = 0; j < i; ++j)
      EXPECT_TRUE(pieces[i].end <= pieces[j].start || pieces[j].end <= pieces[i].start);
  }
  for (char* block : blocks) give(block);
}

TEST_F(Survey, InAChildWhatIsOlderIsInherited) {
  char* before = take(40, 8100);
  EXPECT_FALSE(is_inherited(*find(before).record));
  forget_threads(&user_.heap());
  char* after = take(40, 8100);
  EXPECT_TRUE(is_inherited(*find(before).record));
  EXPECT_FALSE(is_inherited(*find(after).record));
  give(before);
  give(after);
}

}  // namespace
}  // namespace loam::check
