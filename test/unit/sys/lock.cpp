#include "sys/lock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace loam::sys {
namespace {

TEST(Lock, KnowsItsHolder) {
  RankedLock<LockRank::kGrowth> lock;
  EXPECT_EQ(decltype(lock)::kRank, LockRank::kGrowth);
  EXPECT_FALSE(lock.held_by_me());
  EXPECT_TRUE(lock.try_lock());
  EXPECT_TRUE(lock.held_by_me());
  EXPECT_FALSE(lock.try_lock());
  std::thread other([&] {
    EXPECT_FALSE(lock.held_by_me());
    EXPECT_FALSE(lock.try_lock());
  });
  other.join();
  lock.unlock();
  EXPECT_FALSE(lock.held_by_me());
  {
    LockGuard guard(lock);
    EXPECT_TRUE(lock.held_by_me());
  }
  EXPECT_TRUE(lock.try_lock());
  lock.reset();
  EXPECT_TRUE(lock.try_lock());
  lock.unlock();
}

TEST(Lock, ExcludesOthers) {
  Lock lock;
  uint64_t count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10000; ++i) {
        LockGuard guard(lock);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 40000u);
}

TEST(Lock, SleepersAreWokenOneAfterTheOther) {
  Lock lock;
  lock.lock();
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      LockGuard guard(lock);
      EXPECT_TRUE(lock.held_by_me());  // also while others sleep
      ++done;
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // long past the spinning
  EXPECT_EQ(done.load(), 0);
  EXPECT_TRUE(lock.held_by_me());
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done.load(), 3);
}

TEST(Lock, ItsHolderKnowsThatSomebodySleeps) {
  Lock lock;
  EXPECT_FALSE(lock.is_wanted());
  lock.lock();
  EXPECT_FALSE(lock.is_wanted());
  std::thread other([&] { LockGuard guard(lock); });
  while (!lock.is_wanted()) std::this_thread::yield();
  lock.unlock();
  other.join();
}

}  // namespace
}  // namespace loam::sys
