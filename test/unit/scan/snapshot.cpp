#include "scan/snapshot.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "sys/process_copy.hpp"

namespace {

using namespace loam;
using Side = scan::Snapshot::Side;

constexpr int kSignal = 60;

void on_signal(int, siginfo_t* info, void* context) { scan::Stop::on_signal(info, context); }

bool locked = false;
bool try_lock() { return locked = true; }
void unlock() { locked = false; }
void in_copy() { locked = false; }
constexpr scan::SnapshotHooks kHooks{try_lock, unlock, in_copy};

class Snapshot : public testing::Test {
 protected:
  void SetUp() override {
    struct sigaction action{};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&action.sa_mask);
    sigaction(kSignal, &action, nullptr);
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    message = static_cast<std::atomic<uint64_t>*>(page);
    ASSERT_TRUE(stop.prepare(scratch));
    ASSERT_TRUE(snapshot.prepare());
    stop.watch(kSignal);
  }

  std::atomic<uint64_t>* message = nullptr;
  scan::Scratch scratch;
  scan::Stop stop;
  scan::Snapshot snapshot;
};

TEST_F(Snapshot, TheCopySeesOneMoment) {
  std::atomic<bool> end{false};
  // Two counters that are equal whenever nobody runs between the two steps; the copy counts how often they differ.
  std::atomic<uint64_t> a{0};
  std::atomic<uint64_t> b{0};
  std::thread thread([&] {
    while (!end) {
      a.fetch_add(1);
      b.fetch_add(1);
    }
  });
  for (int i = 0; i < 20; ++i) {
    message->store(0);
    const Side side = snapshot.take(stop, kSignal, kHooks);
    if (side == Side::kCopy) {
      const uint64_t before = a.load();
      usleep(1000);
      const bool frozen = a.load() == before && before - b.load() <= 1;
      message->store(snapshot.counts() && frozen && !locked ? 1 : 2);
      sys::leave_copy(0);
    }
    ASSERT_EQ(side, Side::kOriginal);
    EXPECT_FALSE(locked);
    EXPECT_TRUE(snapshot.wait());
    EXPECT_EQ(message->load(), 1u);
  }
  EXPECT_GT(snapshot.copy_ns(), 0u);
  EXPECT_GE(snapshot.pause_ns(), snapshot.copy_ns());
  end = true;
  thread.join();
}

TEST_F(Snapshot, NoHandlerOfTheProgramRunsAndNoChildIsSeen) {
  static std::atomic<int> handled{0};
  pthread_atfork([] { handled.fetch_add(1); }, nullptr, nullptr);
  signal(SIGCHLD, [](int) { handled.fetch_add(1); });
  const Side side = snapshot.take(stop, kSignal, kHooks);
  if (side == Side::kCopy) sys::leave_copy(0);
  ASSERT_EQ(side, Side::kOriginal);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_TRUE(snapshot.wait());
  EXPECT_EQ(handled.load(), 0);
  signal(SIGCHLD, SIG_DFL);
}

TEST_F(Snapshot, AHeldLockIsNotWaitedFor) {
  constexpr scan::SnapshotHooks never{[] { return false; }, unlock, in_copy};
  EXPECT_EQ(snapshot.take(stop, kSignal, never), Side::kFailed);
  EXPECT_EQ(snapshot.error(), -EAGAIN);
}

TEST_F(Snapshot, ACopyThatFailsIsTold) {
  const Side side = snapshot.take(stop, kSignal, kHooks);
  if (side == Side::kCopy) sys::leave_copy(1);
  ASSERT_EQ(side, Side::kOriginal);
  EXPECT_FALSE(snapshot.wait());
}

}  // namespace
