#include "check/quarantine.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace loam::check {
namespace {

char* address(uint64_t number) { return reinterpret_cast<char*>((number + 1) * 64); }

struct Seen {
  Quarantine* quarantine;
  std::vector<char*> blocks;
};

void nothing(uint64_t, char*, void*) {}

void remember(uint64_t, char* block, void* argument) {
  auto& seen = *static_cast<Seen*>(argument);
  seen.blocks.push_back(block);
  seen.quarantine->forget_bytes(64);
}

void put(Quarantine& quarantine, QuarantinePart& part, char* block) {
  for (;;) {
    const uint64_t slot = quarantine.reserve(part);
    ASSERT_NE(slot, Quarantine::kNoSlot);
    if (quarantine.put(part, slot, block, 64)) return;
  }
}

TEST(Quarantine, OldestLeaveFirstAndTheBoundHolds) {
  Quarantine quarantine;
  ASSERT_TRUE(quarantine.open(64 * 1000));
  QuarantinePart part{};
  Seen seen{&quarantine, {}};
  for (uint64_t i = 0; i < 5000; ++i) {
    put(quarantine, part, address(i));
    quarantine.take_excess(nothing, remember, &seen);
  }
  // What a thread has not told yet comes on top, and batches go whole.
  EXPECT_LE(quarantine.bytes(), 64 * 1100u);
  ASSERT_GT(seen.blocks.size(), 3800u);
  for (uint64_t i = 0; i < seen.blocks.size(); ++i) ASSERT_EQ(seen.blocks[i], address(i));
}

TEST(Quarantine, SlotTellsItsBlockUntilItIsTakenOut) {
  Quarantine quarantine;
  ASSERT_TRUE(quarantine.open(0));
  QuarantinePart part{};
  const uint64_t slot = quarantine.reserve(part);
  ASSERT_TRUE(quarantine.put(part, slot, address(5), size_t{1} << 20));
  EXPECT_EQ(quarantine.at(slot), address(5));
  Seen seen{&quarantine, {}};
  quarantine.take_excess(nothing, remember, &seen);
  EXPECT_EQ(seen.blocks, std::vector<char*>{address(5)});
  EXPECT_EQ(quarantine.at(slot), nullptr);
}

// A thread that claimed slots and then did nothing does not hold up the others; its slots are closed.
TEST(Quarantine, IdleClaimIsPassedBy) {
  Quarantine quarantine;
  ASSERT_TRUE(quarantine.open(0));
  QuarantinePart idle{};
  QuarantinePart busy{};
  const uint64_t slot = quarantine.reserve(idle);
  for (uint64_t i = 0; i < Quarantine::kBatch; ++i) put(quarantine, busy, address(i));
  Seen seen{&quarantine, {}};
  quarantine.take_excess(nothing, remember, &seen);
  EXPECT_EQ(seen.blocks.size(), Quarantine::kBatch);
  EXPECT_FALSE(quarantine.put(idle, slot, address(999), 64));
  put(quarantine, idle, address(999));
}

TEST(Quarantine, ManyThreadsLoseAndDoubleNothing) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kEach = 20000;
  Quarantine quarantine;
  ASSERT_TRUE(quarantine.open(64 * 500));
  static std::atomic<uint32_t> taken[kThreads * kEach];
  for (auto& count : taken) count = 0;
  const auto count = [](uint64_t, char* block, void* argument) {
    taken[reinterpret_cast<uint64_t>(block) / 64 - 1].fetch_add(1);
    static_cast<Quarantine*>(argument)->forget_bytes(64);
  };
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      QuarantinePart part{};
      for (uint64_t i = 0; i < kEach; ++i) {
        put(quarantine, part, address(t * kEach + i));
        quarantine.take_excess(nothing, count, &quarantine);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto still = [](uint64_t, char* block, void*) {
    taken[reinterpret_cast<uint64_t>(block) / 64 - 1].fetch_add(1);
  };
  quarantine.for_each(nothing, still, nullptr);
  for (auto& times : taken) ASSERT_EQ(times, 1u);
}

TEST(Quarantine, FullRingSaysSo) {
  Quarantine quarantine;
  ASSERT_TRUE(quarantine.open(~uint64_t{0}));
  QuarantinePart part{};
  uint64_t put_in = 0;
  for (; put_in < quarantine.slots(); ++put_in) {
    const uint64_t slot = quarantine.reserve(part);
    if (slot == Quarantine::kNoSlot) break;
    ASSERT_TRUE(quarantine.put(part, slot, address(put_in), 0));
  }
  EXPECT_GT(put_in, quarantine.slots() - 3 * Quarantine::kBatch);
  EXPECT_LT(put_in, quarantine.slots());
}

}  // namespace
}  // namespace loam::check
