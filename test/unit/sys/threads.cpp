#include "sys/threads.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <set>
#include <thread>

#include "sys/kernel.hpp"

namespace {

using namespace loam::sys;

std::set<uint32_t> list() {
  std::set<uint32_t> ids;
  const auto add = [](const ThreadName& name, void* to) {
    static_cast<std::set<uint32_t>*>(to)->insert(name.id);
  };
  EXPECT_TRUE(for_each_thread(add, &ids));
  return ids;
}

struct Waiter {
  Waiter() {
    EXPECT_EQ(pipe(ends), 0);
    thread = std::thread([this] {
      pthread_setname_np(pthread_self(), "waits");
      sigset_t one;
      sigemptyset(&one);
      sigaddset(&one, SIGUSR2);
      pthread_sigmask(SIG_BLOCK, &one, nullptr);
      int here = 0;
      stack = reinterpret_cast<uint64_t>(&here);
      id = thread_id();
      pollfd entry{ends[0], POLLIN, 0};
      while (poll(&entry, 1, -1) < 0) continue;
    });
    while (id == 0) yield();
    WaitingThread waiting;
    while (!read_waiting(id, &waiting)) yield();
  }
  ~Waiter() {
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    thread.join();
    close(ends[0]);
    close(ends[1]);
  }
  int ends[2] = {};
  std::atomic<uint32_t> id{0};
  std::atomic<uint64_t> stack{0};
  std::thread thread;
};

TEST(Threads, AllAreListed) {
  std::thread([] {}).join();  // a sanitizer starts one of its own with the first
  const std::set<uint32_t> before = list();
  EXPECT_EQ(before.count(thread_id()), 1u);
  Waiter waiter;
  std::set<uint32_t> after = list();
  EXPECT_EQ(after.count(waiter.id), 1u);
  EXPECT_EQ(after.size(), before.size() + 1);
}

TEST(Threads, AWaitingOneShowsItsCallAndStack) {
  Waiter waiter;
  WaitingThread waiting;
  ASSERT_TRUE(read_waiting(waiter.id, &waiting));
  EXPECT_TRUE(is_interrupted_by_signals(waiting.call));
  EXPECT_LT(waiting.stack, waiter.stack);
  EXPECT_GT(waiting.stack, waiter.stack - 65536);
  EXPECT_FALSE(is_interrupted_by_signals(SYS_read));
}

TEST(Threads, TurnsAreCounted) {
  Waiter waiter;
  const uint64_t before = times_run(waiter.id);
  EXPECT_GT(before, 0u);
  usleep(10'000);
  EXPECT_EQ(times_run(waiter.id), before);
}

TEST(Threads, BlockedSignalsAndNames) {
  Waiter waiter;
  EXPECT_TRUE(blocks_signal(waiter.id, SIGUSR2));
  EXPECT_FALSE(blocks_signal(waiter.id, SIGUSR1));
  char name[kThreadNameBytes];
  read_thread_name(waiter.id, name);
  EXPECT_STREQ(name, "waits");
}

}  // namespace
