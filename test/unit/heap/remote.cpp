#include "heap/remote.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include "heap/parcel.hpp"
#include "support/heap.hpp"

namespace loam::heap {
namespace {

void in_another_thread(const std::function<void(test::HeapUser&)>& work) {
  std::thread thread([&] {
    test::HeapUser other;
    work(other);
  });
  thread.join();
}

uint64_t live_blocks(unsigned class_index) {
  Figures figures;
  measure(&figures);
  return figures.classes[class_index].live_blocks;
}

TEST(Parcel, KnowsWhatIsInside) {
  test::open_heap();
  Parcel* parcel = take_parcel(nullptr);
  ASSERT_NE(parcel, nullptr);
  for (uint64_t i = 1; i <= Parcel::kItems; ++i) parcel->add(reinterpret_cast<void*>(i * 48), 48);
  EXPECT_EQ(parcel->count, Parcel::kItems);
  EXPECT_EQ(parcel->bytes, Parcel::kItems * 48);
  for (uint64_t i = 1; i <= Parcel::kItems; ++i)
    EXPECT_EQ(parcel->items[i - 1], reinterpret_cast<void*>(i * 48));
  parcel->clear(nullptr);
  EXPECT_EQ(parcel->count, 0u);
  EXPECT_EQ(parcel->bytes, 0u);
  parcel_pool.push(parcel);
}

TEST(Remote, BlocksComeBackWhenDrained) {
  test::HeapUser user;
  const unsigned index = class_of(200);
  const uint64_t before = live_blocks(index);
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(user.allocate(200));
  in_another_thread([&](test::HeapUser& other) {
    for (void* block : blocks) EXPECT_TRUE(other.release(block));
  });
  EXPECT_EQ(live_blocks(index), before);
  {
    const BusyMark mark(user.heap());
    drain(user.heap());
  }
  EXPECT_EQ(live_blocks(index), before);
  trim(user.heap());
  EXPECT_EQ(verify(), nullptr);
}

// A thread that frees what others allocated, and allocates none of it, must not keep much of it.
TEST(Remote, AThreadThatOnlyFreesKeepsFew) {
  constexpr size_t kSize = 700;
  const unsigned index = class_of(kSize);
  const SizeClass& shape = kSizeClasses[index];
  test::HeapUser user;
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(user.allocate(kSize));
  in_another_thread([&](test::HeapUser& other) {
    // The heap may be one that allocated the class before.
    const auto most = other.heap().stack(index).limit - &other.heap().entries[shape.entry];
    const auto kept = [&] { return other.heap().stack(index).top - &other.heap().entries[shape.entry]; };
    for (void* block : blocks) {
      EXPECT_TRUE(other.release(block));
      ASSERT_LE(kept(), most);
    }
    EXPECT_LE(kept(), shape.shallow);
    EXPECT_EQ(verify(), nullptr);
    // One that takes them as well keeps as many as it has room for.
    std::vector<void*> own;
    for (int i = 0; i < 1000; ++i) own.push_back(other.allocate(kSize));
    while (!own.empty() && kept() < shape.depth) {
      EXPECT_TRUE(other.release(own.back()));
      own.pop_back();
    }
    EXPECT_EQ(kept(), shape.depth);
    for (void* block : own) EXPECT_TRUE(other.release(block));
  });
  EXPECT_EQ(verify(), nullptr);
}

TEST(Remote, WhatOthersFreedIsTakenBeforeMemoryIsTouched) {
  constexpr size_t kSize = 2700;
  test::HeapUser user;
  trim(user.heap());
  std::vector<void*> blocks;
  for (unsigned i = 0; i < kSizeClasses[class_of(kSize)].blocks / 2; ++i)
    blocks.push_back(user.allocate(kSize));
  while (user.heap().stack(class_of(kSize)).top->block != nullptr) blocks.push_back(user.allocate(kSize));
  in_another_thread([&](test::HeapUser& other) {
    for (void* block : blocks) EXPECT_TRUE(other.release(block));
  });
  void* next = user.allocate(kSize);
  EXPECT_NE(std::find(blocks.begin(), blocks.end(), next), blocks.end());
  EXPECT_TRUE(user.release(next));
}

TEST(Remote, BigBlocksDoNotWaitForAHundredOthers) {
  test::HeapUser user;
  void* block = user.allocate(65000);
  void* small = user.allocate(16);
  std::vector<void*> few;
  for (unsigned i = 0; i < kSizeClasses[class_of(65000)].depth; ++i) few.push_back(user.allocate(65000));
  in_another_thread([&](test::HeapUser& other) {
    EXPECT_TRUE(other.release(small));
    for (void* kept : few) EXPECT_TRUE(other.release(kept));  // these fit its own stack
    EXPECT_TRUE(user.heap().inbox.empty());
    EXPECT_TRUE(other.release(block));
    EXPECT_FALSE(user.heap().inbox.empty());
  });
}

TEST(Remote, FreedTwiceByAnotherThreadIsToldInTheCall) {
  test::HeapUser user;
  void* block = user.allocate(48);
  in_another_thread([&](test::HeapUser& other) {
    EXPECT_TRUE(other.release(block));
    EXPECT_FALSE(other.release(block));
  });
}

TEST(Remote, FreedByTwoThreadsIsToldInTheCall) {
  test::HeapUser user;
  void* block = user.allocate(48);
  in_another_thread([&](test::HeapUser& other) { EXPECT_TRUE(other.release(block)); });
  EXPECT_FALSE(user.release(block));
  in_another_thread([&](test::HeapUser& other) { EXPECT_FALSE(other.release(block)); });
  EXPECT_EQ(verify(), nullptr);
}

// Of many threads that free one block at the same moment exactly one succeeds.
TEST(Remote, RacingFreesAreAllTold) {
  test::HeapUser user;
  for (int round = 0; round < 200; ++round) {
    void* block = user.allocate(48);
    std::atomic<int> waiting{0};
    std::atomic<int> freed{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] {
        test::HeapUser other;
        ++waiting;
        while (waiting != 2) std::this_thread::yield();
        if (other.release(block)) ++freed;
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(freed, 1);
  }
}

// Two frees that raced on a block of more than a line: when the second comes home it is told, and corrupts nothing.
TEST(Remote, TheSecondOfTwoThatBothSucceededIsTold) {
  test::HeapUser user;
  void* block = user.allocate(128);
  Span& span = *page_map.find(block);
  in_another_thread([&](test::HeapUser& other) {
    EXPECT_TRUE(other.release(block));
    span.states[block_index(span, block).index] = kBlockLive;  // as the racing thread saw it
    EXPECT_TRUE(other.release(block));
    trim(other.heap());
    post_all(other.heap());
  });
  const unsigned before = test::fault_count;
  trim(user.heap());
  EXPECT_EQ(test::fault_count, before + 1);
  EXPECT_EQ(test::last_fault.kind, FaultKind::kDoubleFree);
  EXPECT_EQ(test::last_fault.pointer, block);
  EXPECT_EQ(test::last_fault.size, 128u);
  EXPECT_EQ(verify(), nullptr);
}

// The same when the first has been home already and the span has gone: no record of these slices has the block's state
// any more, neither the one that names double frees nor that of the next span.
TEST(Remote, TheSecondOfTwoIsToldWhenTheSpanHasGone) {
  test::HeapUser user;
  for (const bool taken_again : {false, true}) {
    void* block = user.allocate(56000);
    Span& span = *page_map.find(block);
    in_another_thread([&](test::HeapUser& other) {
      EXPECT_TRUE(other.release(block));
      span.states[block_index(span, block).index] = kBlockLive;  // as the racing thread saw it
      EXPECT_TRUE(take(user.heap(), span, block));
      trim(user.heap());
      ASSERT_EQ(page_map.find(block)->kind, SpanKind::kRetired);
      void* next = taken_again ? other.allocate(60000) : nullptr;
      EXPECT_EQ(page_map.find(block)->owner, taken_again ? &other.heap() : nullptr);
      const unsigned before = test::fault_count;
      trim(other.heap());
      EXPECT_EQ(test::fault_count, before + 1);
      EXPECT_EQ(test::last_fault.kind, FaultKind::kDoubleFree);
      EXPECT_EQ(test::last_fault.pointer, block);
      EXPECT_EQ(verify(), nullptr);
      EXPECT_TRUE(next == nullptr || other.release(next));
    });
  }
}

// What another heap's stacks and parcels still hold of a span keeps all of it: trimming must let go of it.
TEST(Remote, TrimSendsHomeWhatStacksHold) {
  test::HeapUser user;
  const unsigned index = class_of(3000);
  trim(user.heap());
  const uint32_t before = user.heap().classes[index].spans;
  std::vector<void*> blocks;
  for (unsigned i = 0; i < 4u * kSizeClasses[index].blocks; ++i) blocks.push_back(user.allocate(3000));
  in_another_thread([&](test::HeapUser& other) {
    for (void* block : blocks) EXPECT_TRUE(other.release(block));
    trim(other.heap());
    for (const Parcel* parcel : other.heap().outgoing) EXPECT_EQ(parcel, nullptr);
  });
  EXPECT_GT(user.heap().classes[index].spans, before);
  trim(user.heap());
  EXPECT_EQ(user.heap().classes[index].spans, before);
}

TEST(Remote, TrimmingOrphansSendsHomeWhatTheyHold) {
  test::HeapUser user;
  const unsigned index = class_of(3000);
  trim(user.heap());
  const uint32_t before = user.heap().classes[index].spans;
  std::vector<void*> blocks;
  for (unsigned i = 0; i < 4u * kSizeClasses[index].blocks; ++i) blocks.push_back(user.allocate(3000));
  in_another_thread([&](test::HeapUser& other) {
    for (void* block : blocks) EXPECT_TRUE(other.release(block));
  });
  trim_orphans();
  trim(user.heap());
  EXPECT_EQ(user.heap().classes[index].spans, before);
}

// A block of another heap is used again where it was freed, but for those that share a line of the cache.
TEST(Remote, ForeignBlocksAreTakenAgain) {
  test::HeapUser user;
  void* block = user.allocate(128);
  void* tiny = user.allocate(16);
  in_another_thread([&](test::HeapUser& other) {
    ASSERT_TRUE(other.release(block));
    EXPECT_EQ(other.allocate(128), block);
    ASSERT_TRUE(other.release(tiny));
    EXPECT_NE(other.allocate(16), tiny);
    EXPECT_TRUE(other.release(block));
    trim(other.heap());
    post_all(other.heap());
  });
  const uint64_t before = live_blocks(class_of(128));
  trim(user.heap());
  EXPECT_EQ(live_blocks(class_of(128)), before);
  EXPECT_TRUE(user.release(user.allocate(128)));
  EXPECT_EQ(verify(), nullptr);
}

TEST(Remote, StraysAndOrphans) {
  test::HeapUser user;
  const unsigned index = class_of(912);
  const uint64_t before = live_blocks(index);
  std::vector<void*> blocks;
  in_another_thread([&](test::HeapUser& other) {
    for (int i = 0; i < 300; ++i) blocks.push_back(other.allocate(912));
  });
  // Their owner has ended: what is posted is taken back at once.
  for (size_t i = 0; i < 200; ++i) EXPECT_TRUE(user.release(blocks[i]));
  {
    const BusyMark mark(user.heap());
    post_all(user.heap());
  }
  for (size_t i = 200; i < 300; ++i) send_stray(*page_map.find(blocks[i]), blocks[i]);
  drain_orphan(*page_map.find(blocks[250])->owner);
  EXPECT_EQ(live_blocks(index), before);
  EXPECT_EQ(verify(), nullptr);
}

}  // namespace
}  // namespace loam::heap
