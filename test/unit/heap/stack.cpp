#include "heap/stack.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "heap/refill.hpp"
#include "heap/small_span.hpp"
#include "support/heap.hpp"

namespace loam::heap {
namespace {

TEST(Stack, TheBlockFreedLastIsTakenNext) {
  test::HeapUser user;
  std::vector<void*> blocks;
  for (int i = 0; i < 20; ++i) blocks.push_back(user.allocate(80));
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
  while (!blocks.empty()) {
    ASSERT_EQ(user.allocate(80), blocks.back());
    blocks.pop_back();
  }
}

// Blocks that were handed out before are taken before any that never were, in whatever span they lie.
TEST(Stack, ResidentBlocksAreTakenBeforeFreshOnes) {
  constexpr size_t kSize = 980;
  test::HeapUser user;
  trim(user.heap());
  std::set<void*> seen;
  std::vector<void*> blocks;
  const unsigned many = kSizeClasses[class_of(kSize)].blocks + 20u;  // into a second span
  const Stack& stack = user.heap().stack(class_of(kSize));
  while (blocks.size() < many || stack.top->block != nullptr) blocks.push_back(user.allocate(kSize));
  seen.insert(blocks.begin(), blocks.end());
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
  for (size_t i = 0; i < blocks.size(); ++i) {
    void* again = user.allocate(kSize);
    ASSERT_EQ(seen.count(again), 1u) << i;
    blocks[i] = again;
  }
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
}

TEST(Stack, IdleStacksAreEmptied) {
  test::HeapUser user;
  const Stack& idle = user.heap().stack(class_of(928));
  user.release(user.allocate(928));
  ASSERT_NE(idle.top->block, nullptr);
  for (unsigned i = 0; i < 2 * kClasses + 2; ++i) {
    const BusyMark mark(user.heap());
    heartbeat(user.heap());
  }
  EXPECT_EQ(idle.top->block, nullptr);
  EXPECT_EQ(verify(), nullptr);
}

// A full stack keeps its newer half, and what left it is its span's again.
TEST(Stack, WhatFindsNoRoomSendsTheOlderHalfHome) {
  constexpr unsigned kIndex = class_of(880);
  test::HeapUser user;
  trim(user.heap());
  const unsigned depth = kSizeClasses[kIndex].depth;
  const Stack& stack = user.heap().stack(kIndex);
  std::vector<void*> blocks;
  while (blocks.size() <= depth || stack.top != bottom_of(user.heap(), kIndex))
    blocks.push_back(user.allocate(880));
  for (unsigned i = 0; i < depth; ++i) ASSERT_TRUE(user.release(blocks[i]));
  ASSERT_EQ(stack.top, stack.limit);
  ASSERT_EQ(stack.limit, bottom_of(user.heap(), kIndex) + depth);
  Span& span = *page_map.find(blocks[0]);
  const unsigned before = count_available(span);
  {
    const BusyMark mark(user.heap());
    make_room(user.heap(), span);
  }
  EXPECT_EQ(stack.top - bottom_of(user.heap(), kIndex), depth / 2);
  EXPECT_EQ(stack.top->block, blocks[depth - 1]);
  EXPECT_EQ(count_available(span), before + depth - depth / 2);
  {
    const BusyMark mark(user.heap());
    empty_stack(user.heap(), kIndex);
  }
  EXPECT_EQ(stack.top->block, nullptr);
  for (size_t i = depth; i < blocks.size(); ++i) EXPECT_TRUE(user.release(blocks[i]));
  EXPECT_EQ(verify(), nullptr);
}

}  // namespace
}  // namespace loam::heap
