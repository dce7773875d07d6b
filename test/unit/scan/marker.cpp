#include "scan/marker.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <vector>

#include "runtime/heap_view.hpp"
#include "support/heap.hpp"

namespace {

using namespace loam;

class Marker : public testing::Test {
 protected:
  uint64_t* make(size_t bytes) {
    auto* block = static_cast<uint64_t*>(user.allocate(bytes));
    if (bytes <= heap::kMaxSmall) __builtin_memset(block, 0, heap::find_size(block));
    made.push_back(block);
    return block;
  }
  void TearDown() override {
    for (void* block : made) user.release(block);
  }

  // Marks from one word; the blocks found are those for which reached() is then true.
  void mark(uint64_t word, const scan::Readable* readable = nullptr) {
    ASSERT_TRUE(map.build(runtime::view_of_heap(), scratch));
    open = map.copy(map.live(), scratch);
    scan::Marker marker(map, open, readable);
    ASSERT_TRUE(marker.prepare(scratch));
    marker.add_word(word);
    marker.drain();
    blocks = marker.blocks();
    words = marker.words_read();
  }
  bool reached(const void* block) const {
    return !open.contains(map.find(reinterpret_cast<uint64_t>(block)).number);
  }
  static uint64_t word(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

  test::HeapUser user;
  std::vector<void*> made;
  scan::Scratch scratch;
  scan::BlockMap map;
  scan::BlockSet open;
  uint64_t blocks = 0;
  uint64_t words = 0;
};

TEST_F(Marker, FollowsChains) {
  uint64_t* first = make(48);
  uint64_t* at = first;
  for (int i = 0; i < 10'000; ++i) {
    uint64_t* next = make(16 + static_cast<size_t>(i) % 300);
    *at = word(next);
    at = next;
  }
  uint64_t* apart = make(48);
  mark(word(first));
  EXPECT_EQ(blocks, 10'001u);
  EXPECT_TRUE(reached(at));
  EXPECT_FALSE(reached(apart));
}

TEST_F(Marker, RingsEnd) {
  uint64_t* a = make(32);
  uint64_t* b = make(32);
  a[3] = word(b);
  b[0] = word(a);
  b[1] = word(b);
  mark(word(a));
  EXPECT_EQ(blocks, 2u);
}

TEST_F(Marker, InteriorAndTaggedPointersCount) {
  uint64_t* a = make(64);
  uint64_t* b = make(16);
  uint64_t* c = make(200);
  uint64_t* d = make(size_t{100} << 10);
  a[0] = word(b) | 7;
  a[1] = word(c) + 199;
  a[2] = word(d) + (size_t{99} << 10);
  mark(word(a) + 63);
  EXPECT_EQ(blocks, 4u);
}

TEST_F(Marker, FreedBlocksAreNoBridge) {
  uint64_t* a = make(96);
  uint64_t* b = static_cast<uint64_t*>(user.allocate(96));
  uint64_t* c = make(96);
  a[0] = word(b);
  b[0] = word(c);
  user.release(b);
  mark(word(a));
  EXPECT_EQ(blocks, 1u);
  EXPECT_FALSE(reached(c));
}

TEST_F(Marker, UntouchedPagesOfLargeBlocksAreNotRead) {
  auto* large = static_cast<uint64_t*>(user.allocate(size_t{65} << 20));
  made.push_back(large);
  uint64_t* small = make(32);
  large[(size_t{40} << 20) / 8] = word(small);
  scan::Readable readable;
  ASSERT_TRUE(readable.prepare(scratch, 1));
  mark(word(large), &readable);
  EXPECT_TRUE(reached(small));
  EXPECT_LT(words, (size_t{4} << 20) / 8);
}

TEST_F(Marker, WhatMayNotBeReadIsNot) {
  auto* large = static_cast<uint64_t*>(user.allocate(size_t{128} << 10));
  made.push_back(large);
  uint64_t* behind = make(32);
  char* middle = reinterpret_cast<char*>(large) + (64 << 10);
  large[(100 << 10) / 8] = word(behind);
  ASSERT_EQ(mprotect(middle, 4096, PROT_NONE), 0);
  scan::Readable readable;
  ASSERT_TRUE(readable.prepare(scratch, 1));
  readable.forbid(word(middle), word(middle) + 4096);
  mark(word(large), &readable);
  ASSERT_EQ(mprotect(middle, 4096, PROT_READ | PROT_WRITE), 0);
  EXPECT_TRUE(reached(behind));
}

}  // namespace
