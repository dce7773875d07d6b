#include "stack/memo.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <csignal>
#include <random>
#include <utility>
#include <vector>

#include "stack/modules.hpp"
#include "stack/row_cache.hpp"
#include "stack/walk.hpp"

namespace loam::stack {
namespace {

Memo* g_memo;
Id g_last;
uint64_t g_compared;

// The stack of the caller through the memo and by a walk.
[[gnu::noinline]] void compare() {
  const void* inside = __builtin_dwarf_cfa();
  Registers here;
  Registers::here(here);
  g_last = g_memo->capture(here, inside);
  static Frame walked[3000];
  static Frame resolved[3000];
  const Captured captured = capture(here, inside, walked, 3000);
  const Resolved remembered = depot.resolve(g_last, resolved, 3000);
  ASSERT_NE(g_last, kNoStack);
  ASSERT_EQ(captured.count, remembered.count);
  ASSERT_EQ(captured.ending, remembered.ending);
  for (uint32_t i = 0; i < captured.count; ++i)
    ASSERT_EQ(walked[i].word(), resolved[i].word()) << "frame " << i;
  ++g_compared;
}

void go(std::mt19937_64& random, int depth);

template <size_t Size>
[[gnu::noinline]] void plain(std::mt19937_64& random, int depth) {
  char room[Size];
  asm volatile("" : : "r"(room) : "memory");
  go(random, depth - 1);
  asm volatile("" : : "r"(room) : "memory");
}

[[gnu::noinline]] void with_alloca(std::mt19937_64& random, int depth) {
  auto* room = static_cast<char*>(__builtin_alloca(random() % 7 * 100 + 1));
  asm volatile("" : : "r"(room) : "memory");
  go(random, depth - 1);
  asm volatile("" : : "r"(room) : "memory");
}

[[gnu::noinline]] void realigned(std::mt19937_64& random, int depth) {
  alignas(64) char line[64];
  auto* room = static_cast<char*>(__builtin_alloca(random() % 3 * 64 + 1));
  asm volatile("" : : "r"(line), "r"(room) : "memory");
  go(random, depth - 1);
  asm volatile("" : : "r"(line), "r"(room) : "memory");
}

// Random calls, captured at random depths.
[[gnu::noinline]] void go(std::mt19937_64& random, int depth) {
  if (random() % 4 == 0) compare();
  if (depth <= 0) return;
  for (uint64_t calls = random() % 3; calls > 0; --calls) {
    switch (random() % 6) {
      case 0:
        plain<8>(random, depth);
        break;
      case 1:
        plain<300>(random, depth);
        break;
      case 2:
        with_alloca(random, depth);
        break;
      case 3:
        realigned(random, depth);
        break;
      default:
        plain<40>(random, depth);
    }
  }
}

void recurse(int depth);

class Memos : public testing::Test {
 protected:
  void SetUp() override {
    prepare_rows();
    g_memo = &memo_;
    g_compared = 0;
  }
  Memo memo_{};
};

TEST_F(Memos, AgreeWithTheWalk) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  while (g_compared < 20000 && !HasFailure()) go(random, 14);
  EXPECT_GT(memo_.counts().lookups, 100u);
  EXPECT_GT(memo_.counts().traced, 100u);
  EXPECT_LT(memo_.counts().traced, memo_.counts().captures - 100u);
  EXPECT_LT(memo_.counts().refused, 1u);
}

// Two that only their outermost frames tell apart, which the trace's choice does not look at: first one and then the other, and in turns.
template <size_t Size>
[[gnu::noinline]] void through(int depth) {
  recurse(depth);
  asm volatile("" : : "r"(Size) : "memory");
}

TEST_F(Memos, ATraceIsProvedByEachWord) {
  for (int i = 0; i < 300; ++i) {
    for (int times = i < 100 ? 1 : i % 7; times >= 0; --times) through<1>(5);
    through<2>(5);
  }
  EXPECT_GT(memo_.counts().traced, 300u);
}

// Stacks of one place that only one or two of the inner frames tell apart: each has a trace of its own.
template <int Which>
[[gnu::noinline]] void inner(int outer) {
  if (outer == 0)
    compare();
  else
    recurse(0);
  asm volatile("" : : "r"(Which) : "memory");
}
template <int Which>
[[gnu::noinline]] void middle(int which) {
  switch (which % 3) {
    case 0:
      inner<0>(1);
      break;
    case 1:
      inner<1>(1);
      break;
    default:
      inner<2>(1);
  }
  asm volatile("" : : "r"(Which) : "memory");
}

// From the middle of a page: what lies on the next one is not looked at.
[[gnu::noinline]] void call_middles(std::mt19937_64& random, unsigned count) {
  uint64_t sp;
  asm volatile("movq %%rsp, %0" : "=r"(sp));
  asm volatile("" : : "r"(__builtin_alloca((sp - 2048) % 4096 + 1)) : "memory");
  for (unsigned i = 0; i < count; ++i) {
    const auto which = static_cast<int>(random() % 3);
    if (random() % 2 == 0)
      middle<0>(which);
    else
      middle<1>(which);
  }
}

TEST_F(Memos, TracesOfOnePlaceAreToldApart) {
  std::mt19937_64 random(9);
  call_middles(random, 1000);
  const MemoCounts before = memo_.counts();
  call_middles(random, 1000);
  EXPECT_GT(memo_.counts().traced - before.traced, 950u);
}

// A stack that ends where another one, of the same place, went on: what the first had there is no longer memory.
char* g_room;
[[gnu::noinline]] void land_at(uint64_t place) {
  uint64_t sp;
  asm volatile("movq %%rsp, %0" : "=r"(sp));
  asm volatile("" : : "r"(__builtin_alloca(sp - place)) : "memory");
  compare();
  asm volatile("" : : : "memory");
}

template <size_t Size>
[[gnu::noinline]] void from_afar(uint64_t place) {
  char room[Size];
  asm volatile("" : : "r"(room) : "memory");
  land_at(place);
  asm volatile("" : : "r"(room) : "memory");
}

constexpr uint64_t kPageBytes = 4096;
// For what is called from there: to bind a function, the first time it is called, takes the dynamic linker more than a page.
constexpr size_t kPagesBelow = 16;
ucontext_t g_back;
ucontext_t g_other;
bool g_far;
void on_other_stack() {
  const uint64_t place = reinterpret_cast<uint64_t>(g_room) + (kPagesBelow + 2) * kPageBytes - 2048;
  g_far ? from_afar<5 * kPageBytes>(place) : land_at(place);
}

TEST_F(Memos, ATraceReadsNothingBehindTheStacksEnd) {
  constexpr size_t kPages = kPagesBelow + 16;
  void* room = mmap(nullptr, kPages * kPageBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(room, MAP_FAILED);
  g_room = static_cast<char*>(room);
  for (int i = 0; i < 60; ++i) {
    g_far = i % 20 < 10;
    const size_t bytes = (g_far ? kPages : kPagesBelow + 2) * kPageBytes;
    ASSERT_EQ(mprotect(g_room, bytes, PROT_READ | PROT_WRITE), 0);
    ASSERT_EQ(getcontext(&g_other), 0);
    g_other.uc_stack.ss_sp = g_room;
    g_other.uc_stack.ss_size = bytes;
    g_other.uc_link = &g_back;
    makecontext(&g_other, on_other_stack, 0);
    ASSERT_EQ(swapcontext(&g_back, &g_other), 0);
    // What is known to be readable is not what this is about: the trace's own reading is.
    ASSERT_EQ(mprotect(g_room, kPages * kPageBytes, PROT_NONE), 0);
    memo_.change_hands();
  }
  EXPECT_EQ(g_compared, 60u);
  EXPECT_GT(memo_.counts().traced, 20u);
  munmap(room, kPages * kPageBytes);
}

[[gnu::noinline]] void recurse(int depth) {
  if (depth == 0)
    compare();
  else
    recurse(depth - 1);
  asm volatile("");
}

TEST_F(Memos, OneSegmentServesAtAnyDepth) {
  for (int depth = 0; depth < 2000; depth += 7) recurse(depth);
  EXPECT_LT(memo_.counts().segments, 60u);
}

// Functions that capture: each of them, at each distance from what the program called, is a place to start from.
template <size_t Room>
[[gnu::noinline]] Id capture_with_room() {
  char room[Room];
  asm volatile("" : : "r"(room) : "memory");
  Registers here;
  Registers::here(here);
  const Id id = g_memo->capture(here, __builtin_dwarf_cfa());
  asm volatile("" : : "r"(room) : "memory");
  return id;
}

template <size_t... Rooms>
void capture_with_rooms(std::index_sequence<Rooms...>) {
  const int refused = ((capture_with_room<8 + Rooms * 16>() == kNoStack ? 1 : 0) + ...);
  EXPECT_EQ(refused, 0);
}

TEST_F(Memos, StartAnywhere) {
  for (int i = 0; i < 3; ++i) capture_with_rooms(std::make_index_sequence<50>());
  EXPECT_EQ(memo_.counts().forgotten, 1u);
  capture_with_rooms(std::make_index_sequence<200>());
  EXPECT_EQ(memo_.counts().refused, 0u) << "too many to remember are no reason to refuse";
}

TEST_F(Memos, TheSameStackHasTheSameId) {
  Id first = kNoStack;
  for (int i = 0; i < 10; ++i) {
    asm volatile("" : "+r"(i));  // one call site, never unrolled
    compare();
    if (first == kNoStack) first = g_last;
    EXPECT_EQ(g_last, first);
  }
  EXPECT_EQ(memo_.counts().entered, 1u);
}

TEST_F(Memos, ForgetWhenModulesChange) {
  Id before = kNoStack;
  uint64_t forgotten = 0;
  for (int i = 0; i < 4; ++i) {
    asm volatile("" : "+r"(i));
    if (i == 2) {
      before = g_last;
      forgotten = memo_.counts().forgotten;
      modules_changed();
    }
    compare();
  }
  EXPECT_EQ(memo_.counts().forgotten, forgotten + 1);
  EXPECT_EQ(g_last, before) << "the modules are the same ones";
}

// A handler that interrupts a capture is sent away, and the capture is not disturbed.
TEST_F(Memos, RefuseASecondCaptureAtTheSameTime) {
  static uint64_t refused;
  static uint64_t served;
  refused = served = 0;
  struct sigaction action{};
  action.sa_handler = [](int) {
    Registers here;
    Registers::here(here);
    ++(g_memo->capture(here, __builtin_dwarf_cfa()) == kNoStack ? refused : served);
  };
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(sigaction(SIGALRM, &action, nullptr), 0);
  timer_t timer;
  ASSERT_EQ(timer_create(CLOCK_MONOTONIC, nullptr, &timer), 0);
  itimerspec every{};
  every.it_interval.tv_nsec = every.it_value.tv_nsec = 50000;
  ASSERT_EQ(timer_settime(timer, 0, &every, nullptr), 0);
  std::mt19937_64 random(3);
  while (refused + served < 2000 && !HasFailure()) {
    Registers here;
    Registers::here(here);
    Id id = g_memo->capture(here, nullptr);
    EXPECT_NE(id, kNoStack);
  }
  timer_delete(timer);
  signal(SIGALRM, SIG_DFL);
  EXPECT_GT(served + refused, 0u);
  compare();
}

// Stacks of all shapes until more was forgotten than the first time, when there was nothing.
TEST_F(Memos, GoOnWhenTheirMemoryIsUsedUp) {
  std::mt19937_64 random(5);
  while (memo_.counts().forgotten < 3 && !HasFailure()) go(random, 14);
  EXPECT_EQ(memo_.counts().refused, 0u);
}

}  // namespace
}  // namespace loam::stack
