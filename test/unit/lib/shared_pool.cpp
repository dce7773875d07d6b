#include <gtest/gtest.h>
#include <loam/shared_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "unit/lib/faults.hpp"

namespace loam {
namespace {

struct message {
  std::uint64_t sender;
  std::uint64_t number;
  std::uint64_t check;
};

TEST(SharedPool, OneThread) {
  collected_faults faults;
  shared_pool<message> messages;
  message* first = messages.make();
  message* second = messages.make();
  EXPECT_NE(first, second);
  messages.free(first);
  messages.free(first);
  message local{};
  messages.free(&local);
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>{pool_fault::double_free, pool_fault::foreign_pointer}));
  EXPECT_EQ(messages.make(), first);
  EXPECT_TRUE(messages.owns(second));
}

TEST(SharedPool, AnotherThreadsSecondFreeIsRefused) {
  collected_faults faults;
  shared_pool<message> messages;
  message* first = messages.make();
  message* second = messages.make();
  messages.free(first);
  messages.free(second);  // the newest of this thread
  std::thread([&] {
    messages.free(second);
    messages.free(first);
  }).join();
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>(2, pool_fault::double_free)));
  EXPECT_EQ(messages.make(), second);
  EXPECT_EQ(messages.make(), first);
}

// An object that comes and goes on one thread changes no state; what another thread then does with it is judged all the same.
TEST(SharedPool, AnObjectThatWasTheNewestIsJudgedByEveryThread) {
  collected_faults faults;
  shared_pool<message> messages;
  message* object = messages.make();
  messages.free(object);
  ASSERT_EQ(messages.make(), object);
  std::thread([&] {
    messages.free(object);  // of another thread's making, and live
    messages.free(object);
    ASSERT_EQ(messages.make(), object);
    messages.free(object);
    std::thread([&] { messages.free(object); }).join();
    EXPECT_EQ(faults.seen().size(), 2u);
    ASSERT_EQ(messages.make(), object);
  }).join();
  messages.free(object);  // the thread that had it has ended
  messages.free(object);
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>(3, pool_fault::double_free)));
}

// More lists at a time than a state has values: the others do without a newest block.
TEST(SharedPool, MoreThreadsThanTags) {
  constexpr int kThreads = 258;
  collected_faults faults;
  shared_pool<message> messages;
  std::latch ready(kThreads);
  std::atomic<int> its_own{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      message* first = messages.make();
      message* second = messages.make();
      messages.free(first);
      messages.free(second);
      ready.arrive_and_wait();
      messages.free(first);
      messages.free(second);
      message* again = messages.make();
      if (again == first || again == second) ++its_own;
      messages.free(again);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(its_own, kThreads);
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>(2 * kThreads, pool_fault::double_free)));
}

// Wherever the free block is: the newest of a thread, in its list, in the pool's, or in what another thread took of that.
TEST(SharedPool, RefusesEverySecondFreeAndNoFirst) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  collected_faults faults;
  shared_pool<message> messages;
  std::vector<message*> all(1'000);
  for (message*& each : all) each = messages.allocate();
  std::vector<bool> live(all.size(), true);
  std::size_t wrong = 0;
  const auto steps = [&] {
    for (int step = 0; step < 4'000; ++step) {
      const std::size_t which = random() % all.size();
      if (!live[which]) ++wrong;
      messages.deallocate(all[which]);
      live[which] = false;
      messages.deallocate(reinterpret_cast<message*>(reinterpret_cast<char*>(all[which]) + 8));
      ++wrong;
      if (random() % 4 != 0) {
        const auto taken = std::find(all.begin(), all.end(), messages.allocate());
        if (taken == all.end()) continue;  // a block that the test never had
        ASSERT_FALSE(live[static_cast<std::size_t>(taken - all.begin())]);
        live[static_cast<std::size_t>(taken - all.begin())] = true;
      }
      ASSERT_EQ(faults.seen().size(), wrong);
    }
  };
  for (int turn = 0; turn < 4; ++turn) {
    steps();
    std::thread(steps).join();
  }
  // More than a thread's list holds.
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (live[i]) messages.deallocate(all[i]);
  }
  EXPECT_EQ(faults.seen().size(), wrong);
  for (message* each : all) messages.deallocate(each);
  EXPECT_EQ(faults.seen().size(), wrong + all.size());
}

// Threads swap messages through shared places: a block that is in two hands shows as a message of somebody else.
TEST(SharedPool, ThreadsFreeEachOthersObjects) {
  constexpr std::uint64_t kThreads = 3;
  constexpr std::uint64_t kSteps = 60'000;
  shared_pool<message> messages;
  std::vector<std::atomic<message*>> places(256);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (std::uint64_t i = 0; i < kSteps; ++i) {
        message* mine = messages.make(message{t, i, t ^ i ^ 0x5a5a});
        message* other = places[random() % places.size()].exchange(mine);
        if (other == nullptr) continue;
        ASSERT_EQ(other->check, other->sender ^ other->number ^ 0x5a5a);
        other->check = 0;
        messages.free(other);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& place : places) messages.free(place.load());
  // What threads that ended had free is handed out again.
  EXPECT_LT(messages.reserved(), std::size_t{1} << 20);
}

TEST(SharedPool, EndsBeforeItsThreadsDo) {
  std::atomic<int> phase{0};
  auto first = std::make_unique<shared_pool<message>>();
  std::thread other([&] {
    message* object = first->make();
    first->free(object);
    phase = 1;
    while (phase != 2) std::this_thread::yield();
    shared_pool<message> second;  // may take the same place in the thread's lists
    std::vector<message*> objects;
    for (int i = 0; i < 1'000; ++i) objects.push_back(second.make());
    for (message* each : objects) second.free(each);
  });
  while (phase != 1) std::this_thread::yield();
  first.reset();
  phase = 2;
  other.join();
}

TEST(SharedPool, MorePoolsThanPlaces) {
  std::vector<std::unique_ptr<shared_pool<message>>> pools;
  for (int i = 0; i < 200; ++i) pools.push_back(std::make_unique<shared_pool<message>>());
  std::vector<message*> objects(pools.size());
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = 0; i < pools.size(); ++i) objects[i] = pools[i]->make(message{i, i, i});
    for (std::size_t i = 0; i < pools.size(); ++i) {
      ASSERT_EQ(objects[i]->check, i);
      ASSERT_TRUE(pools[i]->owns(objects[i]));
      pools[i]->free(objects[i]);
    }
  }
  for (const auto& each : pools) EXPECT_EQ(each->reserved(), std::size_t{64} << 10);
}

}  // namespace
}  // namespace loam
