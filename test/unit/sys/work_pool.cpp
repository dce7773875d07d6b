#include "sys/work_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace {

struct Work {
  uint32_t word;
  uint64_t bits;
};
using WorkPool = loam::sys::WorkPool<Work>;

TEST(WorkPool, AloneAndEmptyMeansDone) {
  WorkPool pool;
  Work work[WorkPool::kTaken];
  ASSERT_TRUE(pool.enter());
  EXPECT_EQ(pool.take(work), 0u);
  EXPECT_FALSE(pool.hungry());
  pool.close();
  EXPECT_FALSE(pool.enter());
  pool.reopen();
  EXPECT_TRUE(pool.enter());
}

TEST(WorkPool, TakesNoMoreThanThereIsRoomForAndGivesAllOfIt) {
  WorkPool pool;
  std::vector<Work> much(WorkPool::kRoom + 10);
  for (uint32_t i = 0; i < much.size(); ++i) much[i] = {i, 1};
  ASSERT_TRUE(pool.enter());
  EXPECT_EQ(pool.give(much.data(), static_cast<uint32_t>(much.size())), WorkPool::kRoom);
  EXPECT_EQ(pool.give(much.data(), 1), 0u);
  Work work[WorkPool::kTaken];
  std::vector<bool> seen(WorkPool::kRoom);
  uint32_t all = 0;
  while (const uint32_t count = pool.take(work)) {
    for (uint32_t i = 0; i < count; ++i) seen[work[i].word] = true;
    all += count;
  }
  EXPECT_EQ(all, WorkPool::kRoom);
  for (uint32_t i = 0; i < WorkPool::kRoom; ++i) EXPECT_TRUE(seen[i]) << i;
}

// Every piece of work makes two more until there were enough; whoever has some gives half to who is hungry.
TEST(WorkPool, NobodyIsDoneWhileAnotherHasWork) {
  constexpr uint32_t kWanted = 200'000;
  WorkPool pool;
  std::atomic<uint32_t> made{1};
  std::atomic<uint32_t> done{0};
  const auto work_off = [&](std::vector<Work>& own) {
    while (!own.empty()) {
      own.pop_back();
      done.fetch_add(1);
      for (int i = 0; i < 2; ++i) {
        const uint32_t number = made.fetch_add(1);
        if (number < kWanted) own.push_back({number, 1});
      }
      if (pool.hungry() && own.size() > 1) {
        const auto given = pool.give(own.data(), static_cast<uint32_t>(own.size() / 2));
        own.erase(own.begin(), own.begin() + given);
      }
    }
  };
  ASSERT_TRUE(pool.enter());
  std::thread helper([&] {
    std::vector<Work> own;
    Work work[WorkPool::kTaken];
    if (!pool.enter()) return;
    while (const uint32_t count = pool.take_until_closed(work)) {
      own.assign(work, work + count);
      work_off(own);
    }
    pool.leave();
  });
  for (int round = 0; round < 3; ++round) {
    made.store(1);
    done.store(0);
    std::vector<Work> own{{0, 1}};
    Work work[WorkPool::kTaken];
    work_off(own);
    while (const uint32_t count = pool.take(work)) {
      own.assign(work, work + count);
      work_off(own);
    }
    EXPECT_EQ(done.load(), kWanted);
  }
  pool.close();
  helper.join();
}

}  // namespace
