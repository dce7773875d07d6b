#include "heap/large.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "meta/arena.hpp"
#include "support/heap.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {
namespace {

class Large : public testing::Test {
 protected:
  void SetUp() override { test::open_heap(); }
};

Span& span_of(void* block) { return *page_map.find(block); }

TEST_F(Large, SizesAndAlignments) {
  for (const size_t size :
       {size_t{1}, size_t{65537}, size_t{100000}, size_t{1} << 20, (size_t{5} << 20) + 1, kMaxInside}) {
    for (const size_t alignment : {meta::kSlice, size_t{64} << 10, size_t{1} << 20, size_t{4} << 20}) {
      bool zero = false;
      auto* block = static_cast<char*>(allocate_large(size, alignment, &zero));
      ASSERT_NE(block, nullptr);
      EXPECT_EQ(reinterpret_cast<uint64_t>(block) % alignment, 0u);
      EXPECT_GE(find_size(block), size);
      EXPECT_LT(find_size(block), size + kPage);
      EXPECT_TRUE(!zero || block[size - 1] == 0);
      block[0] = block[size - 1] = 1;
      EXPECT_EQ(verify(), nullptr);
      EXPECT_TRUE(release_large(span_of(block), block));
    }
  }
}

// What is left of the current chunk of metadata is given out.
void use_up_chunk() {
  for (const size_t piece : {size_t{64} << 10, size_t{64}}) {
    const uint64_t mapped = meta::arena.mapped();
    while (meta::arena.mapped() == mapped) EXPECT_NE(meta::arena.allocate(piece), nullptr);
  }
}

// A signal handler that interrupted whoever was taking metadata, while the kernel has no more of it.
TEST_F(Large, IsServedWhileNoRecordCanBeHad) {
  std::vector<void*> blocks;
  {
    sys::LockGuard interrupted(meta::arena.lock());
    use_up_chunk();
    for (int i = 0; i < 20'000; ++i) {
      // There is room in the window: the first call to the kernel is for a record.
      const heap::Run room = regions.claim(8);
      ASSERT_TRUE(room.found);
      regions.release(room.slice, 8, true);
      sys::fail_call(1, false);
      blocks.push_back(allocate_large(70'000, meta::kSlice));
      sys::fail_call(0, false);
      ASSERT_NE(blocks.back(), nullptr) << i;
      if (page_map.find(blocks.back()) == nullptr)
        break;  // not in the window any more: the records are used up
    }
  }
  EXPECT_EQ(page_map.find(blocks.back()), nullptr);
  EXPECT_TRUE(release_outside(blocks.back()));
  blocks.pop_back();
  for (void* block : blocks) EXPECT_TRUE(release_large(span_of(block), block));
  EXPECT_EQ(verify(), nullptr);
}

TEST_F(Large, ZeroIsPromisedOnlyIfTrue) {
  bool zero = false;
  auto* block = static_cast<char*>(allocate_large(300000, meta::kSlice));
  std::memset(block, 7, 300000);
  ASSERT_TRUE(release_large(span_of(block), block));
  for (int i = 0; i < 20; ++i) {
    auto* again = static_cast<char*>(allocate_large(300000, meta::kSlice, &zero));
    if (zero) {
      for (size_t at = 0; at < 300000; at += 64) ASSERT_EQ(again[at], 0);
    }
    std::memset(again, 7, 300000);
    ASSERT_TRUE(release_large(span_of(again), again));
    if (i % 5 == 0) regions.purge(0, true);
  }
}

TEST_F(Large, ReleasedOnceAndOnlyAtItsStart) {
  auto* block = static_cast<char*>(allocate_large(100000, meta::kSlice));
  Span& span = span_of(block);
  EXPECT_FALSE(release_large(span, block + 8));
  EXPECT_FALSE(release_large(span, block + meta::kSlice));
  EXPECT_TRUE(release_large(span, block));
  EXPECT_FALSE(release_large(span, block));
  EXPECT_EQ(find(block).where, Where::kFreeBlock);
}

TEST_F(Large, TwoThreadsFreeItOnce) {
  for (int i = 0; i < 300; ++i) {
    void* block = allocate_large(70000, meta::kSlice);
    Span& span = span_of(block);
    std::atomic<int> freed{0};
    std::atomic<int> ready{0};
    const auto work = [&] {
      ++ready;
      while (ready < 2) sys::yield();
      if (release_large(span, block)) ++freed;
    };
    std::thread thread(work);
    work();
    thread.join();
    ASSERT_EQ(freed, 1);
  }
}

TEST_F(Large, GrowsAndShrinksInPlace) {
  auto* block = static_cast<char*>(allocate_large(size_t{1} << 20, meta::kSlice));
  std::memset(block, 3, size_t{1} << 20);
  Span& span = span_of(block);
  ASSERT_TRUE(resize_large(span, 200000));
  EXPECT_EQ(find_size(block), base::align_up(200000, kPage));
  EXPECT_EQ(find(block + (size_t{1} << 20) - 1).where, Where::kFreeSpan);
  EXPECT_EQ(verify(), nullptr);
  ASSERT_TRUE(resize_large(span, size_t{1} << 20));  // nobody has taken what is behind
  EXPECT_EQ(find(block + (size_t{1} << 20) - 1).block, block);
  for (size_t at = 0; at < 200000; ++at) ASSERT_EQ(block[at], 3);
  ASSERT_TRUE(resize_large(span, 100000));
  const heap::Run blocker = {page_map.slice_of(block) + span.slices, true, false};
  ASSERT_TRUE(regions.extend(blocker.slice, 1));
  EXPECT_FALSE(resize_large(span, size_t{1} << 20));
  EXPECT_EQ(find_size(block), base::align_up(100000, kPage));
  EXPECT_FALSE(resize_large(span, kMaxInside + 1));
  regions.release(blocker.slice, 1, false);
  EXPECT_TRUE(release_large(span, block));
  EXPECT_EQ(verify(), nullptr);
}

TEST_F(Large, WhatIsTooBigForTheWindowGoesOutside) {
  void* block = allocate_large(kMaxInside + 1, meta::kSlice);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(page_map.find(block), nullptr);
  EXPECT_GE(find_size(block), kMaxInside + 1);
  EXPECT_TRUE(release_outside(block));
  EXPECT_EQ(allocate_large(PTRDIFF_MAX, meta::kSlice), nullptr);
}

TEST_F(Large, OutOfMemory) {
  sys::fail_call(1, true);
  std::vector<void*> blocks;  // what the window has left
  for (void* block; (block = allocate_large(kMaxInside, meta::kSlice)) != nullptr;) {
    blocks.push_back(block);
    ASSERT_LT(blocks.size(), 1000u);
  }
  EXPECT_EQ(allocate_large(kMaxInside * 2, meta::kSlice), nullptr);
  sys::fail_call(0, false);
  EXPECT_EQ(verify(), nullptr);
  void* block = allocate_large(kMaxInside, meta::kSlice);
  EXPECT_NE(block, nullptr);
  blocks.push_back(block);
  for (void* each : blocks) EXPECT_TRUE(release_large(span_of(each), each));
}

}  // namespace
}  // namespace loam::heap
