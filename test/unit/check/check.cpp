#include "check/check.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "check/layout.hpp"
#include "meta/arena.hpp"
#include "support/damage.hpp"
#include "support/heap.hpp"
#include "sys/kernel.hpp"

namespace loam::check {
namespace {

std::vector<Finding> found;
StackId next_stack = 1;

void remember(const Finding& finding) { found.push_back(finding); }

// A thread in check mode: its visible heap is the empty one. The mode is opened once for the process, without guards by
// site and without the page tier, which have tests of their own.
class Check : public ::testing::Test {
 protected:
  void SetUp() override {
    heap::fast_heap = &heap::null_heap;
    user_.heap().shown = &heap::null_heap;
    static const bool opened = open({Tier::kDefault, false, true, uint64_t{1} << 20, 0, 0, 0}, {remember});
    ASSERT_TRUE(opened);
    found.clear();
  }

  char* take(size_t size, unsigned log = 4, Family family = Family::kMalloc, bool zeroed = false) {
    return static_cast<char*>(allocate(&user_.heap(), {size, log, family, zeroed, next_stack}));
  }
  Outcome give(void* block, Family family = Family::kMalloc) {
    return release(&user_.heap(), {block, family, false, 0, next_stack});
  }
  // Enough frees that what was in the quarantine has left it.
  void flush() {
    for (int i = 0; i < 40000; ++i) give(take(100));
  }

  test::HeapUser user_;
};

uint64_t live_blocks() {
  heap::Figures figures;
  EXPECT_TRUE(heap::measure(&figures));
  return figures.live_blocks;
}

// A span that was taken before the mode was opened has no records; when there is no memory for them, its block goes back.
TEST_F(Check, NoMemoryForRecords) {
  constexpr size_t kSize = 3000;
  bool zero = false;
  const unsigned index = heap::class_of(memory_for(kSize));
  void* other = heap::allocate_small(user_.heap(), index, &zero);
  ASSERT_NE(other, nullptr);
  sys::fail_call(1, true);
  for (size_t bytes = size_t{64} << 10; bytes >= 64; bytes /= 2) {
    while (meta::arena.allocate(bytes) != nullptr) {
    }
  }
  const uint64_t before = live_blocks();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(take(kSize), nullptr);
  EXPECT_EQ(live_blocks(), before);
  sys::fail_call(0, false);
  char* block = take(kSize);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(give(block), Outcome::kDone);
  heap::take(user_.heap(), *heap::page_map.find(other), other);
  EXPECT_EQ(heap::verify(), nullptr);
}

TEST_F(Check, UsableSizeIsWhatWasAskedFor) {
  for (size_t size = 0; size < 70000; size += size / 7 + 1) {
    char* block = take(size);
    EXPECT_EQ(usable_size(block), size);
    EXPECT_EQ(find(block).user, block);
    if (size > 0) {
      EXPECT_EQ(find(block + size - 1).user, block);
    }
    memset(block, 1, size);
    give(block);
  }
  EXPECT_TRUE(found.empty());
}

TEST_F(Check, AlignmentAndZeros) {
  for (unsigned log = 4; log < 20; ++log) {
    char* dirty = take(5000, log);
    memset(dirty, 1, 5000);
    give(dirty);
    char* block = take(5000, log, Family::kMalloc, true);
    EXPECT_EQ(reinterpret_cast<uint64_t>(block) % (uint64_t{1} << log), 0u);
    for (int i = 0; i < 5000; ++i) ASSERT_EQ(block[i], 0);
    give(block);
  }
  EXPECT_TRUE(found.empty());
}

TEST_F(Check, DoubleFreeNamesBothStacks) {
  next_stack = 11;
  char* block = take(40);
  next_stack = 12;
  give(block);
  next_stack = 13;
  EXPECT_EQ(give(block), Outcome::kDone);  // keep_going
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, Kind::kDoubleFree);
  EXPECT_EQ(found[0].allocated_at, 11u);
  EXPECT_EQ(found[0].freed_at, 12u);
  EXPECT_EQ(found[0].here, 13u);
}

TEST_F(Check, InteriorAndForeign) {
  char* block = take(64);
  give(block + 8);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, Kind::kInvalidFree);
  EXPECT_EQ(found[0].offset, 8);
  int local = 0;
  EXPECT_EQ(give(&local), Outcome::kForeign);
  give(block);
  EXPECT_EQ(found.size(), 1u);
}

TEST_F(Check, Mismatch) {
  give(take(10, 4, Family::kNew), Family::kMalloc);
  give(take(10, 4, Family::kNewArray), Family::kNew);
  give(take(10, 4, Family::kNew), Family::kNew);
  char* block = take(24, 4, Family::kNew);
  release(&user_.heap(), {block, Family::kNew, true, 16, next_stack});
  ASSERT_EQ(found.size(), 3u);
  for (const Finding& finding : found) EXPECT_EQ(finding.kind, Kind::kMismatchedFree);
  EXPECT_TRUE(found[2].sized);
  EXPECT_EQ(found[2].extent, 16u);
}

TEST_F(Check, EveryByteBehindUpToTheNextBlock) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{8}, size_t{9}, size_t{24}, size_t{1000}}) {
    for (size_t beyond = 0; beyond < 8; ++beyond) {
      found.clear();
      char* block = take(size);
      block[size + beyond] = static_cast<char>(block[size + beyond] + 1);
      give(block);
      ASSERT_EQ(found.size(), 1u) << size << " " << beyond;
      EXPECT_EQ(found[0].address, reinterpret_cast<uint64_t>(block + size + beyond));
      if (beyond == 0) {
        EXPECT_EQ(found[0].kind, Kind::kOverflow);
      }
    }
  }
}

// Whether the neighbour in front lives, is free, or was never handed out: what is written there is this block's doing.
TEST_F(Check, ByteInFront) {
  for (int neighbour = 0; neighbour < 2; ++neighbour) {
    found.clear();
    std::vector<char*> blocks;
    for (int i = 0; i < 200; ++i) blocks.push_back(take(72));
    if (neighbour == 1) {
      for (int i = 0; i < 100; ++i) give(blocks[static_cast<size_t>(i)]);
    }
    for (size_t i = 100; i < 200; ++i) {
      found.clear();
      char* block = blocks[i];
      if (heap::page_map.find(block)->first == reinterpret_cast<uint64_t>(block)) continue;
      block[-1] = static_cast<char>(block[-1] + 1);
      give(block);
      ASSERT_EQ(found.size(), 1u) << i;
      EXPECT_EQ(found[0].kind, Kind::kUnderflow);
      EXPECT_EQ(found[0].block, reinterpret_cast<uint64_t>(block));
      EXPECT_EQ(found[0].offset, -1);
    }
    for (int i = neighbour * 100; i < 100; ++i) give(blocks[static_cast<size_t>(i)]);
  }
}

TEST_F(Check, WriteAfterFreeIsSeenWhenTheBlockLeaves) {
  for (const size_t at : {size_t{0}, size_t{7}, size_t{39}}) {
    found.clear();
    char* block = take(40);
    give(block);
    test::damage(block[at]);
    EXPECT_TRUE(found.empty());
    flush();
    ASSERT_EQ(found.size(), 1u) << at;
    EXPECT_EQ(found[0].kind, Kind::kUseAfterFree);
    EXPECT_EQ(found[0].evidence, Evidence::kPoison);
    EXPECT_EQ(found[0].offset, static_cast<int64_t>(at));
  }
}

TEST_F(Check, SweepSeesWhatIsDamagedNow) {
  char* live = take(50);
  char* freed = take(50);
  give(freed);
  test::damage(live[50]);
  test::damage(freed[4]);
  sweep();
  ASSERT_EQ(found.size(), 2u);
  sweep();
  EXPECT_EQ(found.size(), 2u);  // told once
  give(live);
  EXPECT_EQ(found.size(), 2u);
}

TEST_F(Check, PoisonNamesTheBlock) {
  char* block = take(40);
  next_stack = 55;
  give(block);
  uint64_t word;
  memcpy(&word, block + 8, 8);
  Finding finding{};
  ASSERT_TRUE(explain_fault(word + 24, Access::kRead, &finding));
  EXPECT_EQ(finding.kind, Kind::kUseAfterFree);
  EXPECT_EQ(finding.evidence, Evidence::kPoisonRead);
  EXPECT_EQ(finding.block, reinterpret_cast<uint64_t>(block));
  EXPECT_EQ(finding.freed_at, 55u);
  EXPECT_EQ(finding.extent, 24u);
  flush();
  EXPECT_FALSE(explain_fault(word + 24, Access::kRead, &finding));
}

TEST_F(Check, FreeOfAPointerReadFromAFreedBlock) {
  char* block = take(40);
  give(block);
  void* poison;
  memcpy(&poison, block + 8, sizeof poison);
  EXPECT_EQ(give(poison), Outcome::kForeign);
  report_foreign({poison, Family::kMalloc, false, 0, 66}, "mapping");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, Kind::kUseAfterFree);
  EXPECT_EQ(found[0].access, Access::kRelease);
  EXPECT_EQ(found[0].block, reinterpret_cast<uint64_t>(block));
  EXPECT_EQ(found[0].here, 66u);
  EXPECT_EQ(found[0].place, nullptr);
  report_foreign({&poison, Family::kMalloc, false, 0, 66}, "stack");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].kind, Kind::kInvalidFree);
}

TEST_F(Check, LargeBlocksStandAgainstGuards) {
  char* block = take(200000);
  memset(block, 1, 200000);
  Finding finding{};
  const auto end = base::align_up(reinterpret_cast<uint64_t>(block) + 200000, 4096);
  ASSERT_TRUE(explain_fault(end + 8, Access::kRead, &finding));
  EXPECT_EQ(finding.kind, Kind::kOverflow);
  EXPECT_EQ(finding.block, reinterpret_cast<uint64_t>(block));
  give(block);
  ASSERT_TRUE(explain_fault(reinterpret_cast<uint64_t>(block) + 777, Access::kWrite, &finding));
  EXPECT_EQ(finding.kind, Kind::kUseAfterFree);
  EXPECT_EQ(finding.offset, 777);
}

TEST_F(Check, ReallocMovesAndKeepsTheBytes) {
  char* block = take(30);
  memcpy(block, "abcdefgh", 8);
  const Resized resized = resize(&user_.heap(), {block, Family::kMalloc, false, 0, next_stack}, 5);
  ASSERT_NE(resized.block, nullptr);
  EXPECT_NE(resized.block, block);
  EXPECT_EQ(memcmp(resized.block, "abcde", 5), 0);
  EXPECT_EQ(usable_size(resized.block), 5u);
  EXPECT_EQ(usable_size(block), 0u);
  resize(&user_.heap(), {block, Family::kMalloc, false, 0, next_stack}, 5);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, Kind::kDoubleFree);
  give(resized.block);
}

TEST_F(Check, ManyBlocksWithoutAFinding) {
  std::vector<char*> blocks(500, nullptr);
  uint64_t random = 88172645463325252u;
  for (int i = 0; i < 100000; ++i) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    char*& block = blocks[random % blocks.size()];
    if (block != nullptr) give(block);
    const size_t size = (random >> 20) % ((random >> 50) % 30 == 0 ? 100000 : 300);
    block = take(size);
    ASSERT_NE(block, nullptr);
    memset(block, i, size);
  }
  for (char* block : blocks) {
    if (block != nullptr) give(block);
  }
  sweep();
  EXPECT_TRUE(found.empty());
}

}  // namespace
}  // namespace loam::check
