#include "scan/stop.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "sys/kernel.hpp"

namespace {

using namespace loam;

constexpr int kSignal = 60;
// On a busy machine a thread gets no processor for a while.
constexpr uint64_t kPatienceNs = 60'000'000'000;
#ifdef SYS_poll
constexpr long kPoll = SYS_poll;
#else
constexpr long kPoll = SYS_ppoll;
#endif

void on_signal(int, siginfo_t* info, void* context) { scan::Stop::on_signal(info, context); }

class Stop : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    struct sigaction action{};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&action.sa_mask);
    sigaction(kSignal, &action, nullptr);
  }

  void TearDown() override {
    end = true;
    for (int i = 0; i < 2000; ++i) (void)!write(pipe_ends[1], "x", 1);
    for (std::thread& thread : threads) thread.join();
    close(pipe_ends[0]);
    close(pipe_ends[1]);
  }
  void SetUp() override { ASSERT_EQ(pipe(pipe_ends), 0); }

  template <class Body>
  void start(unsigned count, Body body) {
    for (unsigned i = 0; i < count; ++i) {
      threads.emplace_back([this, body] {
        ids[started.fetch_add(1)] = sys::thread_id();
        body();
      });
      while (ids[threads.size() - 1].load() == 0) std::this_thread::yield();
    }
  }

  // Until the threads from that one on wait in the call.
  void wait_until_in(long call, size_t first = 0) {
    for (size_t i = first; i < threads.size(); ++i) {
      sys::WaitingThread waiting{};
      while (!sys::read_waiting(ids[i], &waiting) || waiting.call != call) std::this_thread::yield();
    }
  }

  void spin() {
    while (!end) turns.fetch_add(1, std::memory_order_relaxed);
  }

  unsigned count(const scan::Stop& of, scan::Fate fate) {
    unsigned sum = 0;
    for (unsigned i = 0; i < of.count(); ++i) sum += of.thread(i).fate == fate ? 1u : 0u;
    return sum;
  }

  int pipe_ends[2] = {-1, -1};
  std::atomic<bool> end{false};
  std::atomic<uint64_t> turns{0};
  std::atomic<unsigned> started{0};
  std::atomic<uint32_t> ids[200] = {};
  std::vector<std::thread> threads;
  scan::Scratch scratch;
  scan::Stop stop;
};

TEST_F(Stop, NobodyRunsUntilResumed) {
  start(3, [this] { spin(); });
  ASSERT_TRUE(stop.prepare(scratch));
  stop.watch(kSignal);
  ASSERT_TRUE(stop.stop(kSignal, kPatienceNs));
  EXPECT_EQ(count(stop, scan::Fate::kAnswered), 3u);
  const uint64_t before = turns.load();
  usleep(20'000);
  EXPECT_EQ(turns.load(), before);
  stop.resume();
  while (turns.load() == before) std::this_thread::yield();
  EXPECT_TRUE(stop.nobody_ran());
  EXPECT_GT(stop.pause_ns(), 20'000'000u);
}

TEST_F(Stop, RegistersAndStackAreThoseOfTheInterrupted) {
  start(1, [this] {
    uint64_t here = 0x1234'5678'9abc'def0;
    static_assert(sizeof end == 1);
    // A loop of the compiler's could keep it in memory.
    asm volatile("1: cmpb $0, (%1)\n\tje 1b" : "+r"(here) : "r"(&end) : "memory", "cc");
  });
  ASSERT_TRUE(stop.prepare(scratch));
  stop.watch(kSignal);
  ASSERT_TRUE(stop.stop(kSignal, kPatienceNs));
  const sys::Registers& registers = stop.thread(0).registers;
  bool seen = false;
  for (unsigned i = 0; i < registers.count; ++i) seen = seen || registers.words[i] == 0x1234'5678'9abc'def0;
  stop.resume();
  EXPECT_TRUE(seen);
  EXPECT_NE(registers.stack, 0u);
  EXPECT_NE(registers.thread_pointer, sys::thread_pointer());
}

TEST_F(Stop, WhoWaitsInPollIsLeftAlone) {
  std::atomic<int> interrupts{0};
  start(4, [this, &interrupts] {
    pollfd entry{pipe_ends[0], POLLIN, 0};
    while (!end && poll(&entry, 1, -1) < 0) interrupts.fetch_add(1);
  });
  wait_until_in(kPoll);
  ASSERT_TRUE(stop.prepare(scratch));
  stop.watch(kSignal);
  ASSERT_TRUE(stop.stop(kSignal, kPatienceNs));
  EXPECT_EQ(count(stop, scan::Fate::kWaiting), 4u);
  for (unsigned i = 0; i < stop.count(); ++i) EXPECT_NE(stop.thread(i).registers.stack, 0u);
  stop.resume();
  EXPECT_TRUE(stop.nobody_ran());
  EXPECT_EQ(interrupts.load(), 0);
}

TEST_F(Stop, WhoHasBeenRunningMeanwhileIsTold) {
  start(1, [this] {
    char byte;
    pollfd entry{pipe_ends[0], POLLIN, 0};
    while (!end) {
      if (poll(&entry, 1, -1) > 0) (void)!read(pipe_ends[0], &byte, 1);
    }
  });
  wait_until_in(kPoll);
  ASSERT_TRUE(stop.prepare(scratch));
  stop.watch(kSignal);
  ASSERT_TRUE(stop.stop(kSignal, kPatienceNs));
  ASSERT_EQ(count(stop, scan::Fate::kWaiting), 1u);
  ASSERT_EQ(write(pipe_ends[1], "x", 1), 1);
  for (int left = 1; left > 0; std::this_thread::yield()) ASSERT_EQ(ioctl(pipe_ends[0], FIONREAD, &left), 0);
  stop.resume();
  EXPECT_FALSE(stop.nobody_ran());
  ASSERT_TRUE(stop.stop(kSignal, kPatienceNs));
  EXPECT_EQ(count(stop, scan::Fate::kAnswered), 1u);
  stop.resume();
}

TEST_F(Stop, CallsThatGoOnAreInterrupted) {
  std::atomic<int> failures{0};
  start(4, [this, &failures] {
    char byte;
    if (read(pipe_ends[0], &byte, 1) != 1) failures.fetch_add(1);
  });
  wait_until_in(SYS_read);
  ASSERT_TRUE(stop.prepare(scratch));
  stop.watch(kSignal);
  ASSERT_TRUE(stop.stop(kSignal, kPatienceNs));
  EXPECT_EQ(count(stop, scan::Fate::kAnswered), 4u);
  stop.resume();
  EXPECT_EQ(failures.load(), 0);
}

TEST_F(Stop, WhoBlocksTheSignalIsSilentOrWaits) {
  const auto deaf = [] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
  };
  start(1, [this, deaf] {
    deaf();
    spin();
  });
  start(1, [this, deaf] {
    deaf();
    char byte;
    (void)!read(pipe_ends[0], &byte, 1);
  });
  while (!sys::blocks_signal(ids[0], kSignal)) std::this_thread::yield();
  wait_until_in(SYS_read, 1);
  ASSERT_TRUE(stop.prepare(scratch));
  stop.watch(kSignal);
  ASSERT_TRUE(stop.stop(kSignal, 200'000'000));
  EXPECT_EQ(count(stop, scan::Fate::kSilent), 1u);
  EXPECT_EQ(count(stop, scan::Fate::kWaiting), 1u);
  stop.resume();
  // Who waits for us in exit() is no stranger, whether it has answered or not.
  stop.end_thread(ids[0], 0x1000);
  EXPECT_EQ(count(stop, scan::Fate::kSilent), 0u);
}

TEST_F(Stop, TwoHundredThreads) {
  start(100, [this] {
    while (!end) usleep(1000);
  });
  start(100, [this] {
    pollfd entry{pipe_ends[0], POLLIN, 0};
    while (!end) poll(&entry, 1, -1);
  });
  ASSERT_TRUE(stop.prepare(scratch));
  stop.watch(kSignal);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(stop.stop(kSignal, kPatienceNs));
    EXPECT_EQ(count(stop, scan::Fate::kAnswered) + count(stop, scan::Fate::kWaiting), 200u);
    stop.resume();
  }
}

// As when a terminal stops the program: that its threads do not answer meanwhile says nothing of them. It is stopped while it waits for them,
// as it does most of the time.
TEST_F(Stop, WhileTheProcessIsStoppedNobodyIsSilent) {
  constexpr uint64_t kPatience = 800'000'000;
  const pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 30; ++i) std::thread([this] { spin(); }).detach();
    unsigned silent = 0;
    struct pollfd told{pipe_ends[0], POLLIN, 0};
    if (!stop.prepare(scratch)) _exit(2);
    while (poll(&told, 1, 0) == 0) {
      if (!stop.stop(kSignal, kPatience)) _exit(3);
      silent += count(stop, scan::Fate::kSilent);
      stop.resume();
    }
    _exit(silent == 0 ? 0 : 1);
  }
  for (int i = 0; i < 4; ++i) {
    usleep(30'000);
    kill(child, SIGSTOP);
    usleep(1'000'000);
    kill(child, SIGCONT);
  }
  ASSERT_EQ(write(pipe_ends[1], "x", 1), 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Stop, ThreadsComeAndGo) {
  start(2, [this] {
    while (!end) {
      std::thread([this] { turns.fetch_add(1); }).join();
    }
  });
  ASSERT_TRUE(stop.prepare(scratch));
  stop.watch(kSignal);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(stop.stop(kSignal, kPatienceNs));
    EXPECT_EQ(count(stop, scan::Fate::kSilent), 0u);
    const uint64_t before = turns.load();
    usleep(2000);
    EXPECT_EQ(turns.load(), before);
    stop.resume();
  }
}

}  // namespace
