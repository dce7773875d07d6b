#include "heap/remote.hpp"

#include <gtest/gtest.h>

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
  for (uint64_t i = 1; i <= Parcel::kItems; ++i)
    EXPECT_FALSE(parcel->add(reinterpret_cast<void*>(i * 48), 48));
  EXPECT_EQ(parcel->count, Parcel::kItems);
  EXPECT_EQ(parcel->bytes, Parcel::kItems * 48);
  for (uint64_t i = 1; i <= Parcel::kItems; ++i)
    EXPECT_TRUE(parcel->contains(reinterpret_cast<void*>(i * 48)));
  EXPECT_FALSE(parcel->contains(reinterpret_cast<void*>(uint64_t{16})));
  parcel->clear(nullptr);
  EXPECT_FALSE(parcel->add(reinterpret_cast<void*>(uint64_t{48}), 48));
  EXPECT_TRUE(parcel->add(reinterpret_cast<void*>(uint64_t{48}), 48));
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
  EXPECT_EQ(live_blocks(index), before + 1000);
  {
    const BusyMark mark(user.heap());
    drain(user.heap());
  }
  EXPECT_EQ(live_blocks(index), before);
  EXPECT_EQ(verify(), nullptr);
}

TEST(Remote, BigBlocksDoNotWaitForAHundredOthers) {
  test::HeapUser user;
  void* block = user.allocate(65000);
  void* small = user.allocate(16);
  in_another_thread([&](test::HeapUser& other) {
    EXPECT_TRUE(other.release(small));
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
    const unsigned before = test::fault_count;
    EXPECT_FALSE(other.release(block));
    EXPECT_EQ(test::fault_count, before + 1);
    EXPECT_EQ(test::last_fault.kind, FaultKind::kDoubleFree);
    EXPECT_EQ(test::last_fault.pointer, block);
    EXPECT_EQ(test::last_fault.size, 48u);
  });
}

TEST(Remote, FreedByTwoThreadsIsToldWhenDrained) {
  test::HeapUser user;
  void* block = user.allocate(48);
  void* keeps_the_span = user.allocate(48);
  in_another_thread([&](test::HeapUser& other) { EXPECT_TRUE(other.release(block)); });
  EXPECT_TRUE(user.release(block));
  const unsigned before = test::fault_count;
  {
    const BusyMark mark(user.heap());
    drain(user.heap());
  }
  EXPECT_EQ(test::fault_count, before + 1);
  EXPECT_EQ(test::last_fault.pointer, block);
  EXPECT_TRUE(user.release(keeps_the_span));
  EXPECT_EQ(verify(), nullptr);
}

// The span of a block that was freed twice has meanwhile become one of another class, in which the address is no
// block's start: no bit of it may be touched.
TEST(Remote, SecondFreeIntoAReusedSpanIsTold) {
  test::HeapUser user;
  trim(user.heap());
  std::vector<void*> blocks;
  for (unsigned i = 0; i < kSizeClasses[class_of(48)].blocks; ++i) blocks.push_back(user.allocate(48));
  in_another_thread([&](test::HeapUser& other) {
    for (void* block : blocks) EXPECT_TRUE(other.release(block));
  });
  // The parcels wait in the inbox; the owner frees the same blocks, so that the span goes.
  Parcel* held = user.heap().inbox.take_all();
  for (void* block : blocks) ASSERT_TRUE(user.release(block));
  trim(user.heap());
  std::vector<void*> others;
  while (others.empty() || page_map.find(others.back()) != page_map.find(blocks[0])) {
    others.push_back(user.allocate(16000));
    ASSERT_LT(others.size(), 100000u);
    if (page_map.find(blocks[0])->kind == SpanKind::kSmall) break;
  }
  const uint64_t live = live_blocks(class_of(16000));
  const unsigned before = test::fault_count;
  Parcel* last = held;
  while (last->next != nullptr) last = last->next;
  user.heap().inbox.push_chain(held, last);
  {
    const BusyMark mark(user.heap());
    drain(user.heap());
  }
  EXPECT_GT(test::fault_count, before);
  EXPECT_GE(live_blocks(class_of(16000)) + 8,
            live);  // only what starts where a block starts can pass for one
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
