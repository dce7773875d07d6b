#include "sys/registers.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace loam::sys {
namespace {

#if defined(__x86_64__)

constexpr uint64_t kMark = 0x123456789abcdef0;

Registers seen;
std::atomic<bool> handled{false};

void look(int, siginfo_t*, void* context) {
  read_registers(*static_cast<const ucontext_t*>(context), &seen);
  handled = true;
}

void use_handler(int flags) {
  struct sigaction action{};
  action.sa_sigaction = look;
  action.sa_flags = SA_SIGINFO | flags;
  sigaction(SIGUSR1, &action, nullptr);
}

bool is_among(const uint64_t* words, uint32_t count, uint64_t word) {
  return std::find(words, words + count, word) != words + count;
}

// Waits in read(), which takes three arguments, with the mark in r8 and in rbx, until it is told to go on.
long wait_with_marks(int from, char* byte) {
  long result = SYS_read;
  asm volatile(
      "mov %[mark], %%r8\n\t"
      "mov %[mark], %%rbx\n\t"
      "inc %%rbx\n\t"
      "syscall"
      : "+a"(result)
      : "D"(static_cast<long>(from)), "S"(byte), "d"(1L), [mark] "r"(kMark)
      : "rbx", "r8", "rcx", "r11", "memory");
  return result;
}

class RegistersInACall : public testing::TestWithParam<int> {};

// Before the call is made again, and when it has returned early.
TEST_P(RegistersInACall, WhatNoCallerExpectsBackIsWeak) {
  use_handler(GetParam());
  handled = false;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::atomic<int> waiter{0};
  char byte = 0;
  std::thread thread([&] {
    waiter = static_cast<int>(syscall(SYS_gettid));
    wait_with_marks(ends[0], &byte);
  });
  while (waiter == 0) std::this_thread::yield();
  // A signal that comes before the call finds the marks elsewhere: it is the one in the call that counts.
  while (!handled || !is_among(seen.weak, seen.weak_count, kMark)) {
    usleep(20'000);
    if (syscall(SYS_tgkill, getpid(), waiter.load(), SIGUSR1) != 0) break;
    usleep(1000);
  }
  EXPECT_TRUE(is_among(seen.weak, seen.weak_count, kMark));
  EXPECT_FALSE(is_among(seen.words, seen.count, kMark));
  EXPECT_TRUE(is_among(seen.words, seen.count, kMark + 1));
  EXPECT_EQ(write(ends[1], "x", 1), 1);
  thread.join();
  close(ends[0]);
  close(ends[1]);
}

INSTANTIATE_TEST_SUITE_P(Flags, RegistersInACall, testing::Values(0, int{SA_RESTART}));

// Between two calls every register may hold what the program goes on with.
TEST(Registers, WhileTheProgramRunsAllCount) {
  use_handler(0);
  handled = false;
  const long self = syscall(SYS_gettid);
  const int process = getpid();
  std::atomic<bool> marked{false};
  std::thread other([&] {
    while (!marked) std::this_thread::yield();
    syscall(SYS_tgkill, process, self, SIGUSR1);
  });
  uint8_t done = 0;
  asm volatile(
      "mov %[mark], %%r8\n\t"
      "movb $1, %[marked]\n"
      "1: cmpb $0, %[handled]\n\t"
      "je 1b\n\t"
      "setne %[done]"
      : [done] "=&r"(done), [marked] "+m"(marked)
      : [mark] "r"(kMark), [handled] "m"(handled)
      : "r8", "memory");
  other.join();
  EXPECT_TRUE(is_among(seen.words, seen.count, kMark));
  EXPECT_FALSE(is_among(seen.weak, seen.weak_count, kMark));
}

#endif

}  // namespace
}  // namespace loam::sys
