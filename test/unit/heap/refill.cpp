#include "heap/refill.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "support/heap.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {
namespace {

TEST(Refill, EveryClassGivesDisjointBlocks) {
  test::HeapUser user;
  for (unsigned index = 0; index < kClasses; ++index) {
    const size_t size = kSizeClasses[index].size;
    const unsigned count = kSizeClasses[index].blocks + 10u;  // into a second span
    std::set<char*> blocks;
    for (unsigned i = 0; i < count; ++i) {
      auto* block = static_cast<char*>(user.allocate(size));
      ASSERT_NE(block, nullptr);
      ASSERT_EQ(reinterpret_cast<uint64_t>(block) % kGranule, 0u);
      ASSERT_EQ(find_size(block), size);
      const auto [at, fresh] = blocks.insert(block);
      ASSERT_TRUE(fresh);
      if (at != blocks.begin()) {
        ASSERT_GE(block, *std::prev(at) + size);
      }
      if (std::next(at) != blocks.end()) {
        ASSERT_LE(block + size, *std::next(at));
      }
    }
    for (char* block : blocks) ASSERT_TRUE(user.release(block));
  }
  EXPECT_EQ(verify(), nullptr);
}

TEST(Refill, FreedTwiceIsRefused) {
  test::HeapUser user;
  void* block = user.allocate(48);
  EXPECT_TRUE(user.release(block));
  EXPECT_FALSE(user.release(block));
  void* kept = user.allocate(48);
  EXPECT_FALSE(user.release(static_cast<char*>(kept) + 8));
  EXPECT_FALSE(user.release(static_cast<char*>(kept) + 16));
  EXPECT_TRUE(user.release(kept));
  EXPECT_EQ(verify(), nullptr);
}

// What a mode that sees each call does with a heap that is not shown to the fast path.
TEST(Refill, UnshownHeapsGiveAndTakeWhatTheirStacksHold) {
  test::HeapUser user;
  EXPECT_EQ(pop_unshown(user.heap(), 0), nullptr);
  EXPECT_EQ(pop_unshown(user.heap(), kMaxDirect + 1), nullptr);
  // A heap's first free is a heartbeat.
  ASSERT_TRUE(user.release(user.allocate(100)));
  void* first = user.allocate(100);
  Span* span = page_map.find(first);
  uint8_t* state = live_state(span, first);
  ASSERT_NE(state, nullptr);
  EXPECT_EQ(live_state(span, static_cast<char*>(first) + 8), nullptr);
  EXPECT_EQ(live_state(nullptr, first), nullptr);
  ASSERT_TRUE(push_unshown(user.heap(), *span, first, state));
  EXPECT_EQ(live_state(span, first), nullptr);
  EXPECT_FALSE(push_unshown(user.heap(), *span, first, state)) << "it is free";
  EXPECT_EQ(pop_unshown(user.heap(), 100), first) << "the block that was freed last";
  EXPECT_EQ(live_state(span, first), state);
  watch(*span, block_index(*span, first).index);
  EXPECT_EQ(live_state(span, first), nullptr) << "somebody remembers it";
  EXPECT_TRUE(user.release(first));
  // As many as the stack has room for; then, and when it is time for a heartbeat, the slow path has to free.
  std::vector<void*> blocks;
  while (void* block = pop_unshown(user.heap(), 16)) blocks.push_back(block);
  for (int i = 0; i < 5000; ++i) blocks.push_back(user.allocate(16));
  unsigned refused = 0;
  for (void* block : blocks) {
    span = page_map.find(block);
    if (push_unshown(user.heap(), *span, block, live_state(span, block))) continue;
    ++refused;
    EXPECT_TRUE(user.release(block));
  }
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, blocks.size());
  EXPECT_FALSE(is_busy(user.heap()));
  EXPECT_EQ(verify(), nullptr);
}

TEST(Refill, ASteadyPairReachesTheHeartbeat) {
  test::HeapUser user;
  const uint64_t before = user.heap().beats;
  for (int i = 0; i < 20000; ++i) user.release(user.allocate(64));
  EXPECT_GE(user.heap().beats, before + 20);
}

TEST(Refill, BusyHeapsAreServedElsewhere) {
  test::HeapUser user;
  void* own = user.allocate(64);
  void* handlers = nullptr;
  {
    const BusyMark mark(user.heap());
    handlers = allocate_small(user.heap(), class_of(64));  // what a signal handler in the slow path gets
    ASSERT_NE(handlers, nullptr);
    EXPECT_EQ(fast_heap, &null_heap);
    EXPECT_EQ(page_map.find(handlers)->kind, SpanKind::kLarge);
    attend(user.heap());
  }
  EXPECT_EQ(fast_heap, &user.heap());
  EXPECT_TRUE(user.release(handlers));
  EXPECT_TRUE(user.release(own));
}

TEST(Refill, TellsWhichBlocksAreZero) {
  test::HeapUser user;
  trim(user.heap());
  regions.purge(0, true);
  constexpr size_t kSize = 6000;
  bool zero = false;
  auto* block = static_cast<char*>(allocate_small(user.heap(), class_of(kSize), &zero));
  ASSERT_TRUE(zero);
  for (size_t i = 0; i < kSize; ++i) ASSERT_EQ(block[i], 0);
  std::memset(block, 1, kSize);
  user.release(block);
  EXPECT_EQ(allocate_small(user.heap(), class_of(kSize), &zero), block);
  EXPECT_FALSE(zero);
  user.release(block);
}

TEST(Refill, ABlockIsBorrowedFromALargerClassBeforeMemoryIsTouched) {
  constexpr size_t kSize = 20000;
  const unsigned index = class_of(kSize);
  test::HeapUser user;
  trim(user.heap());
  const auto take = [&](unsigned class_index, Fit fit) {
    return allocate_small(user.heap(), class_index, nullptr, fit);
  };
  void* larger = take(index + 2, Fit::kExact);
  ASSERT_TRUE(user.release(larger));
  void* exact = take(index, Fit::kExact);
  EXPECT_EQ(find_size(exact), size_of_class(index));
  EXPECT_EQ(take(index, Fit::kLoose), larger);
  EXPECT_EQ(find_size(larger), size_of_class(index + 2));
  ASSERT_TRUE(user.release(larger));
  ASSERT_TRUE(user.release(exact));
  // What has blocks of its own borrows nothing, nor does what is in steady use.
  EXPECT_EQ(take(index, Fit::kLoose), exact);
  unsigned borrowed = 0;
  for (int i = 0; i < 50; ++i) {
    void* block = take(index, Fit::kLoose);
    if (block != larger) break;
    ++borrowed;
    ASSERT_TRUE(user.release(block));
  }
  EXPECT_GE(borrowed, 1u);
  EXPECT_LT(borrowed, 50u);
  trim(user.heap());
  EXPECT_EQ(verify(), nullptr);
}

TEST(Refill, SpansOfEndedThreadsAreAdopted) {
  test::HeapUser user;
  trim(user.heap());
  std::vector<void*> theirs;
  std::thread thread([&] {
    test::HeapUser other;
    for (int i = 0; i < 100; ++i) theirs.push_back(other.allocate(720));
    for (int i = 0; i < 50; ++i) {
      other.release(theirs.back());
      theirs.pop_back();
    }
  });
  thread.join();
  const Span* span = page_map.find(theirs[0]);
  ASSERT_NE(span->owner, &user.heap());
  Span* adopted = adopt(user.heap(), class_of(720));
  ASSERT_NE(adopted, nullptr);
  EXPECT_EQ(adopted->owner, &user.heap());
  EXPECT_LT(count_live(*adopted), adopted->blocks);
}

// The ended thread's heap has blocks of the span in its stack: its next thread must not take them when the span is gone.
TEST(Refill, TheNextThreadOfAHeapKeepsOffAdoptedSpans) {
  constexpr size_t kSize = 736;
  const unsigned index = class_of(kSize);
  test::HeapUser user;
  trim(user.heap());
  const ThreadHeap* orphan = nullptr;
  std::thread([&] {
    test::HeapUser other;
    orphan = &other.heap();
    std::vector<void*> blocks;
    for (unsigned i = 0; i < kSizeClasses[index].blocks * 2u; ++i) blocks.push_back(other.allocate(kSize));
    for (unsigned i = 0; i < kSizeClasses[index].blocks; ++i) other.release(blocks[i]);
    ASSERT_NE(other.heap().stack(index).top->block, nullptr);
  }).join();
  const Span* adopted = adopt(user.heap(), index);
  ASSERT_NE(adopted, nullptr);
  std::thread([&] {
    test::HeapUser next;
    ASSERT_EQ(&next.heap(), orphan);
    for (unsigned i = 0; i < kSizeClasses[index].blocks * 4u; ++i)
      ASSERT_NE(page_map.find(next.allocate(kSize)), adopted);
  }).join();
  EXPECT_EQ(verify(), nullptr);
}

TEST(Refill, OutOfMemory) {
  test::HeapUser user;
  sys::fail_call(1, true);
  std::vector<void*> blocks;
  for (void* block; (block = user.allocate(60000)) != nullptr;) blocks.push_back(block);
  EXPECT_EQ(user.allocate(60000), nullptr);
  EXPECT_EQ(verify(), nullptr);
  sys::fail_call(0, false);
  void* block = user.allocate(60000);
  EXPECT_NE(block, nullptr);
  EXPECT_TRUE(user.release(block));
  for (void* other : blocks) EXPECT_TRUE(user.release(other));
  EXPECT_EQ(verify(), nullptr);
}

}  // namespace
}  // namespace loam::heap
