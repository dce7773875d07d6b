#include "heap/outside.hpp"

#include <gtest/gtest.h>
#include <sys/time.h>

#include <atomic>
#include <csignal>
#include <vector>

#include "heap/large.hpp"
#include "support/heap.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {
namespace {

constexpr size_t kBytes = size_t{1} << 20;

class Outside : public testing::Test {
 protected:
  void SetUp() override { test::open_heap(); }
};

TEST_F(Outside, FoundFromAnyAddressInside) {
  const uint64_t before = outside_bytes();
  bool zero = false;
  auto* block = static_cast<char*>(allocate_outside(kBytes, kPage, &zero));
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(zero);
  EXPECT_EQ(outside_bytes(), before + kBytes);
  OutsideBlock found;
  for (char* address : {block, block + 1, block + kBytes - 1}) {
    ASSERT_TRUE(find_outside(address, &found));
    EXPECT_EQ(found.block, block);
    EXPECT_EQ(found.bytes, kBytes);
  }
  EXPECT_FALSE(find_outside(nullptr, &found));
  EXPECT_FALSE(release_outside(block + kPage));
  EXPECT_TRUE(release_outside(block));
  EXPECT_FALSE(find_outside(block, &found));
  EXPECT_FALSE(release_outside(block));
  EXPECT_EQ(outside_bytes(), before);
}

std::atomic<int> handled;
std::atomic<int> refused;

void use_outside(int) {
  ++handled;
  void* block = allocate_outside(kPage, kPage, nullptr);
  OutsideBlock found;
  if (block == nullptr || !find_outside(block, &found) || !release_outside(block)) ++refused;
}

// The handler of a handler's handler is the one that has no other way to go.
TEST_F(Outside, AHandlerGetsMemoryWhateverItInterrupted) {
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = use_outside;
  sigaction(SIGALRM, &action, &before);
  const itimerval often = {{0, 50}, {0, 50}};
  setitimer(ITIMER_REAL, &often, nullptr);
  handled = refused = 0;
  while (handled < 3000 && refused == 0) {
    void* block = allocate_outside(kPage, kPage, nullptr);
    block = resize_outside(block, 2 * kPage);
    if (!release_outside(block)) ++refused;
    for_each_outside([](const OutsideBlock&, void*) {}, nullptr);
  }
  const itimerval never = {};
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  EXPECT_EQ(refused, 0);
}

TEST_F(Outside, Alignments) {
  for (size_t alignment = kPage; alignment <= (size_t{64} << 20); alignment *= 4) {
    auto* block = static_cast<char*>(allocate_outside(kBytes, alignment, nullptr));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<uint64_t>(block) % alignment, 0u);
    block[0] = block[kBytes - 1] = 1;
    EXPECT_TRUE(release_outside(block));
  }
}

TEST_F(Outside, TheTableStaysSortedAndGrows) {
  std::vector<char*> blocks;
  for (int i = 0; i < 500; ++i) {
    auto* block =
        static_cast<char*>(allocate_outside(kPage * static_cast<size_t>(1 + i % 3), kPage, nullptr));
    ASSERT_NE(block, nullptr);
    blocks.push_back(block);
  }
  for (size_t i = 0; i < blocks.size(); i += 2) EXPECT_TRUE(release_outside(blocks[i]));
  struct Seen {
    const char* last = nullptr;
    unsigned count = 0;
  } seen;
  for_each_outside(
      [](const OutsideBlock& block, void* argument) {
        auto& state = *static_cast<Seen*>(argument);
        EXPECT_GT(block.block, state.last);
        state.last = block.block + block.bytes - 1;
        ++state.count;
      },
      &seen);
  EXPECT_EQ(seen.count, 250u);
  for (size_t i = 1; i < blocks.size(); i += 2) {
    OutsideBlock found;
    ASSERT_TRUE(find_outside(blocks[i], &found));
    EXPECT_EQ(found.block, blocks[i]);
    EXPECT_TRUE(release_outside(blocks[i]));
  }
}

TEST_F(Outside, ResizeKeepsTheContents) {
  auto* block = static_cast<char*>(allocate_outside(kBytes, kPage, nullptr));
  block[0] = 1;
  block[kBytes - 1] = 2;
  auto* grown = static_cast<char*>(resize_outside(block, 4 * kBytes));
  ASSERT_NE(grown, nullptr);
  EXPECT_EQ(grown[0], 1);
  EXPECT_EQ(grown[kBytes - 1], 2);
  EXPECT_EQ(grown[4 * kBytes - 1], 0);
  auto* shrunk = static_cast<char*>(resize_outside(grown, kPage));
  ASSERT_NE(shrunk, nullptr);
  EXPECT_EQ(shrunk[0], 1);
  EXPECT_EQ(find_size(shrunk), kPage);
  EXPECT_TRUE(release_outside(shrunk));
  int local = 0;
  EXPECT_EQ(resize_outside(&local, kPage), nullptr);
}

TEST_F(Outside, OutOfMemory) {
  auto* block = static_cast<char*>(allocate_outside(kBytes, kPage, nullptr));
  block[5] = 5;
  sys::fail_call(1, false);
  EXPECT_EQ(allocate_outside(kBytes, kPage, nullptr), nullptr);
  sys::fail_call(1, false);
  EXPECT_EQ(resize_outside(block, 2 * kBytes), nullptr);
  EXPECT_EQ(block[5], 5);
  EXPECT_EQ(allocate_outside(~size_t{0} - kPage, kPage, nullptr), nullptr);
  outside_lock().lock();
  EXPECT_EQ(allocate_outside(kBytes, kPage, nullptr), nullptr);
  outside_lock().unlock();
  EXPECT_TRUE(release_outside(block));
}

}  // namespace
}  // namespace loam::heap
