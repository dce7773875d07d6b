#include "check/pages.hpp"

#include "check/poison.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "sys/probe.hpp"

#include "support/damage.hpp"

namespace loam::check {
namespace {

constexpr uint64_t kWindow = uint64_t{16} << 20;

struct Block {
  Record* record;
  char* user;
};

Block take(Pages& pages, PagePart& part, size_t size, unsigned log = 4) {
  Block block{nullptr, nullptr};
  block.record = pages.take(part, size, log, &block.user);
  if (block.record != nullptr) block.record->state.store(BlockState::kLive);
  return block;
}

std::atomic<unsigned> looked_at{0};

void look(const BlockInfo& block, uint64_t word) {
  const char* last = nullptr;
  EXPECT_EQ(find_unpoisoned(block.user, block.size, word, &last), nullptr);
  ++looked_at;
}

std::vector<Finding> told;

void tell(Finding& finding) { told.push_back(finding); }

void give(Pages& pages, const Block& block) {
  const BlockInfo info = pages.find(block.user);
  fill_poison(info.user, info.size, pages.poison_word(info));
  block.record->state.store(BlockState::kFreed);
  pages.give(nullptr, info);
}

// In the child that a death test forks.
void write_to(Pages& pages, char* address) {
  pages.renew();
  *static_cast<volatile char*>(address) = 1;
}

TEST(Pages, BlocksAreFoundFromAnyOfTheirBytes) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  std::vector<Block> blocks;
  for (size_t i = 0; i < 2000; ++i) {
    const Block block = take(pages, part, i % 700);
    ASSERT_NE(block.record, nullptr);
    memset(block.user, 1, i % 700);
    blocks.push_back(block);
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const BlockInfo info = pages.find(blocks[i].user + (i % 700) / 2);
    ASSERT_EQ(info.user, blocks[i].user);
    ASSERT_EQ(info.size, i % 700);
    Finding finding{};
    ASSERT_FALSE(pages.check_canaries(info, &finding));
  }
}

TEST(Pages, PageIsRetiredWhenItsLastBlockGoes) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  std::vector<Block> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(take(pages, part, 100));
  char* first = blocks[0].user;
  looked_at = 0;
  unsigned on_page = 0;
  for (const Block& block : blocks) {
    if (reinterpret_cast<uint64_t>(block.user) / Pages::kPage ==
        reinterpret_cast<uint64_t>(first) / Pages::kPage)
      ++on_page;
  }
  for (unsigned i = 1; i < on_page; ++i) give(pages, blocks[i]);
  EXPECT_FALSE(pages.is_retired(first));
  EXPECT_EQ(*first, 0);
  give(pages, blocks[0]);
  EXPECT_TRUE(pages.is_retired(first));
  EXPECT_EQ(looked_at, on_page);
  EXPECT_DEATH(write_to(pages, first + 50), "");
  EXPECT_EQ(pages.find(first + 50).user, first);
}

// As before a filter for system calls, or when the kernel's help is lost: all that faulted still does.
TEST(Pages, GoesOverToGuards) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  std::vector<Block> old;
  for (int i = 0; i < 500; ++i) old.push_back(take(pages, part, 100));
  for (const Block& block : old) give(pages, block);
  ASSERT_TRUE(pages.is_retired(old[0].user));
  pages.use_guards();
  EXPECT_FALSE(sys::readable(reinterpret_cast<uint64_t>(old[0].user)));
  std::vector<Block> young;
  for (int i = 0; i < 5000; ++i) {
    young.push_back(take(pages, part, 100));
    ASSERT_NE(young.back().record, nullptr);
    ASSERT_EQ(young.back().user[99], 0);
    memset(young.back().user, 'a', 100);
  }
  for (const Block& block : young) give(pages, block);
  ASSERT_TRUE(pages.is_retired(young[0].user));
  EXPECT_FALSE(sys::readable(reinterpret_cast<uint64_t>(young[0].user)));
}

// Also those of a page whose last block went while it was still being filled.
TEST(Pages, EachFreedBlockIsLookedAtOnce) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  looked_at = 0;
  for (int i = 0; i < 10000; ++i) give(pages, take(pages, part, 40));
  // The first unit of each chunk is left free.
  constexpr uint64_t kPages = Pages::kChunk / Pages::kPage;
  const uint64_t chunks = (pages.retired_pages() + kPages - 1) / kPages;
  EXPECT_EQ(looked_at, pages.retired_pages() * (Pages::kPage / Pages::kUnit) - chunks);
}

TEST(Pages, PageStillBeingFilledStays) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  const Block block = take(pages, part, 40);
  give(pages, block);
  EXPECT_FALSE(pages.is_retired(block.user));
  EXPECT_NE(take(pages, part, 40).user, block.user);
}

TEST(Pages, PoisonLeadsBack) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  const Block block = take(pages, part, 40);
  take(pages, part, 40);
  give(pages, block);
  uint64_t word;
  memcpy(&word, block.user + 8, 8);
  int64_t displacement = 0;
  EXPECT_EQ(pages.find_poisoned(word + 300, &displacement).user, block.user);
  EXPECT_EQ(displacement, 300);
  // A large index, or a member far in front: nobody else's stretch.
  for (const int64_t far : {int64_t{30000}, int64_t{-30000}}) {
    EXPECT_EQ(pages.find_poisoned(word + static_cast<uint64_t>(far), &displacement).user, block.user);
    EXPECT_EQ(displacement, far);
  }
  EXPECT_GE(word & 0xff, 0x80u);
  EXPECT_EQ(word % 16, 0u);
}

TEST(Pages, ByteBehindAndByteInFront) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  const Block left = take(pages, part, 20);
  const Block right = take(pages, part, 20);
  Finding finding{};
  test::damage(left.user[20]);
  ASSERT_TRUE(pages.check_canaries(pages.find(left.user), &finding));
  EXPECT_EQ(finding.kind, Kind::kOverflow);
  EXPECT_EQ(finding.block, reinterpret_cast<uint64_t>(left.user));
  test::damage(right.user[-1]);
  ASSERT_TRUE(pages.check_canaries(pages.find(left.user), &finding));
  EXPECT_EQ(finding.kind, Kind::kUnderflow);
  EXPECT_EQ(finding.block, reinterpret_cast<uint64_t>(right.user));
}

// The word in front of a page's first block lies on the page before, in what that had left over; of a chunk's first block and
// of an aligned one it belongs to nobody.
TEST(Pages, ByteInFrontWhereNoNeighbourEnds) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  for (const unsigned log : {4u, 8u}) {
    PagePart part{};
    unsigned fronts = 0;
    std::vector<Block> blocks;
    for (int i = 0; i < 1000; ++i) {
      const Block block = take(pages, part, 300, log);
      Finding finding{};
      ASSERT_FALSE(pages.check_canaries(pages.find(block.user), &finding));
      if (!block.record->own_front) continue;
      ++fronts;
      block.user[-1] = 0;
      ASSERT_TRUE(pages.check_canaries(pages.find(block.user), &finding)) << i;
      EXPECT_EQ(finding.kind, Kind::kUnderflow);
      EXPECT_EQ(finding.offset, -1);
      ASSERT_FALSE(pages.check_canaries(pages.find(block.user), &finding));
    }
    EXPECT_GT(fronts, 80u);  // one a page at least
  }
}

TEST(Pages, ByteInFrontWhereThePageBeforeIsRetired) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  std::vector<Block> blocks;
  for (int i = 0; i < 30; ++i) blocks.push_back(take(pages, part, 300));
  char* first = nullptr;
  for (const Block& block : blocks) {
    if (first == nullptr && reinterpret_cast<uint64_t>(block.user) % Pages::kPage == 0) first = block.user;
  }
  ASSERT_NE(first, nullptr);
  first[-1] = 0;
  told.clear();
  for (const Block& block : blocks) {
    if (block.user < first) give(pages, block);
  }
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, Kind::kUnderflow);
  EXPECT_EQ(told[0].block, reinterpret_cast<uint64_t>(first));
  ASSERT_TRUE(pages.is_retired(first - 1));
  EXPECT_EQ(pages.find_behind(first - 1).user, first);
  EXPECT_EQ(pages.find_behind(first - 9).record, nullptr);
  EXPECT_EQ(pages.find_behind(blocks[0].user).record, nullptr);
  Finding finding{};
  EXPECT_FALSE(pages.check_canaries(pages.find(first), &finding));
}

TEST(Pages, AlignmentAndWhatIsTooLarge) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  for (unsigned log = 4; log <= 11; ++log) {
    const Block block = take(pages, part, 60, log);
    ASSERT_NE(block.record, nullptr);
    EXPECT_EQ(reinterpret_cast<uint64_t>(block.user) % (uint64_t{1} << log), 0u);
  }
  EXPECT_EQ(take(pages, part, Pages::kMostBytes, 4).record, nullptr);
  EXPECT_EQ(take(pages, part, 60, 12).record, nullptr);
}

TEST(Pages, SpentChunksComeBackAndLiveOnesDoNot) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  const Block kept = take(pages, part, 100);
  memset(kept.user, 7, 100);
  Block last{nullptr, nullptr};
  for (int i = 0; i < 400000; ++i) {
    const Block block = take(pages, part, 100);
    ASSERT_NE(block.record, nullptr) << i;
    ASSERT_TRUE(block.user + 100 <= kept.user || block.user >= kept.user + 100);
    ASSERT_EQ(block.user[50], 0);
    if (last.record != nullptr) give(pages, last);
    last = block;
  }
  EXPECT_GT(pages.retired_pages(), kWindow / Pages::kPage);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(kept.user[i], 7);
}

TEST(Pages, ThreadsFreeEachOthers) {
  Pages pages;
  ASSERT_TRUE(pages.open(kWindow, 1, look, tell));
  PagePart part{};
  std::vector<Block> blocks;
  for (int i = 0; i < 20000; ++i) blocks.push_back(take(pages, part, 40));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < blocks.size(); i += 4) give(pages, blocks[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(pages.retired_pages(), 20000 / 64 - 1u);
}

}  // namespace
}  // namespace loam::check
