#include "stack/walk.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <csignal>
#include <cstring>
#include <initializer_list>
#include <thread>

#include "libgcc.hpp"
#include "stack/row_cache.hpp"

namespace loam::stack {
namespace {

// The stack of the caller by both, compared; and how many frames it has.
[[gnu::noinline]] uint32_t compare() {
  const void* inside = __builtin_dwarf_cfa();
  Registers here;
  Registers::here(here);
  Frame frames[2000];
  const Captured captured = capture(here, inside, frames, 2000);
  const auto expected = by_libgcc(inside);
  EXPECT_EQ(captured.ending, Ending::kComplete);
  EXPECT_EQ(captured.count, expected.size());
  for (uint32_t i = 0; i < captured.count && i < expected.size(); ++i) {
    EXPECT_EQ(frames[i].pc(), expected[i]) << "frame " << i;
    EXPECT_FALSE(frames[i].guessed());
    EXPECT_NE(frames[i].module(), 0);
  }
  return captured.count;
}

[[gnu::noinline]] uint32_t recurse(int depth) {
  const uint32_t count = depth == 0 ? compare() : recurse(depth - 1);
  asm volatile("");
  return count;
}

[[gnu::noinline]] uint32_t with_alloca(size_t size) {
  auto* room = static_cast<char*>(__builtin_alloca(size));
  asm volatile("" : : "r"(room) : "memory");
  const uint32_t count = compare();
  asm volatile("" : : "r"(room) : "memory");
  return count;
}

[[gnu::noinline]] uint32_t realigned(size_t size) {
  alignas(64) char line[64];
  auto* room = static_cast<char*>(__builtin_alloca(size));
  asm volatile("" : : "r"(line), "r"(room) : "memory");
  const uint32_t count = compare();
  asm volatile("" : : "r"(line), "r"(room) : "memory");
  return count;
}

TEST(Walk, AgreesWithLibgcc) {
  const uint32_t here = compare();
  EXPECT_GT(here, 5u);
  EXPECT_EQ(recurse(0), here + 1);
  EXPECT_EQ(recurse(1000), here + 1001);
  for (const size_t size : {size_t{1}, size_t{100}, size_t{5000}}) {
    EXPECT_EQ(with_alloca(size), here + 1);
    EXPECT_EQ(realigned(size), here + 1);
  }
}

TEST(Walk, EndsAtAThreadsStart) {
  std::thread([] { EXPECT_GT(compare(), 3u); }).join();
}

ucontext_t g_back;
ucontext_t g_other;

TEST(Walk, EndsAtACoroutinesStart) {
  static char stack[64 << 10];
  ASSERT_EQ(getcontext(&g_other), 0);
  g_other.uc_stack = {stack, 0, sizeof stack};
  g_other.uc_link = &g_back;
  makecontext(&g_other, [] { EXPECT_LT(recurse(3), 8u); }, 0);
  ASSERT_EQ(swapcontext(&g_back, &g_other), 0);
}

uint32_t g_in_handler;

TEST(Walk, PassesThroughASignal) {
  struct sigaction action{};
  action.sa_handler = [](int) { g_in_handler = compare(); };
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  raise(SIGUSR1);
  EXPECT_GT(g_in_handler, compare() + 1);
  // The same on a stack of its own, which may lie anywhere.
  static char alternate[64 << 10];
  stack_t stack{alternate, 0, sizeof alternate};
  ASSERT_EQ(sigaltstack(&stack, nullptr), 0);
  action.sa_flags = SA_ONSTACK;
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  g_in_handler = 0;
  raise(SIGUSR1);
  EXPECT_GT(g_in_handler, compare() + 1);
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, nullptr);
  signal(SIGUSR1, SIG_DFL);
}

Captured g_interrupted;
Frame g_frames[500];

// From a handler's context: what was interrupted is the innermost frame, whatever the instruction.
TEST(Walk, StartsAtAnInterruptedFrame) {
  struct sigaction action{};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t*, void* context) {
    g_interrupted = capture(Registers::of(*static_cast<ucontext_t*>(context)), nullptr, g_frames, 500);
  };
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  raise(SIGUSR1);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(g_interrupted.ending, Ending::kComplete);
  const auto expected = by_libgcc(nullptr);
  ASSERT_GT(g_interrupted.count, expected.size() - 1);
  // Up to this function's caller: by_libgcc() may or may not be a frame of its own.
  for (size_t i = 2; i + 1 < expected.size(); ++i)
    EXPECT_EQ(g_frames[g_interrupted.count - i].pc(), expected[expected.size() - i]);
}

TEST(Walk, SaysWhenItIsCut) {
  Registers here;
  Registers::here(here);
  Frame frames[3];
  const Captured captured = capture(here, nullptr, frames, 3);
  EXPECT_EQ(captured.count, 3u);
  EXPECT_EQ(captured.ending, Ending::kCut);
  EXPECT_EQ(frames[0].pc(), here.pc());
}

using Code = std::initializer_list<uint8_t>;
// f(g) { push rbp; mov rbp, rsp; call g; pop rbp; ret }
constexpr Code kFramePointer = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
constexpr Code kNoFramePointer = {0x50, 0x55, 0x48, 0xc7, 0xc5, 0x11, 0,    0,
                                  0,    0x50, 0xff, 0xd7, 0x58, 0x5d, 0x58, 0xc3};
// Between the frame and the call there is another one (push 5; push rbp; mov rbp, rsp), of code that was jumped to.
constexpr Code kJumpedTo = {0x55, 0x48, 0x89, 0xe5, 0x6a, 0x05, 0x55, 0x48,
                            0x89, 0xe5, 0xff, 0xd7, 0x5d, 0x58, 0x5d, 0xc3};
// And twice.
constexpr Code kJumpedTwice = {0x55, 0x48, 0x89, 0xe5, 0x6a, 0x05, 0x55, 0x48, 0x89, 0xe5, 0x6a, 0x05,
                               0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0x58, 0x5d, 0x58, 0x5d, 0xc3};

// Code made at run time.
class MadeCode {
 public:
  using Call = void (*)(void (*)());

  explicit MadeCode(Code code) {
    page_ = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memcpy(page_, code.begin(), code.size());
  }
  ~MadeCode() { munmap(page_, 4096); }
  Call call() const { return reinterpret_cast<Call>(page_); }
  bool holds(uint64_t pc) const { return pc - reinterpret_cast<uint64_t>(page_) < 4096; }

 private:
  void* page_;
};

Captured g_captured;

[[gnu::noinline]] void keep() {
  Registers here;
  Registers::here(here);
  g_captured = capture(here, __builtin_dwarf_cfa(), g_frames, 500);
}

[[gnu::noinline]] void call_made(const MadeCode& code) {
  code.call()(keep);
  asm volatile("");
}

TEST(Walk, FollowsFramePointersThroughMadeCode) {
  const MadeCode code(kFramePointer);
  call_made(code);
  ASSERT_GT(g_captured.count, 3u);
  EXPECT_TRUE(code.holds(g_frames[0].pc()));
  EXPECT_EQ(g_frames[0].module(), 0);
  EXPECT_TRUE(g_frames[1].guessed());
  EXPECT_NE(g_frames[1].module(), 0);
  EXPECT_EQ(g_captured.ending, Ending::kComplete);
}

// Node replaces an interpreter's frame in this way while a loop runs.
TEST(Walk, FollowsFramePointersThroughCodeThatWasJumpedTo) {
  const MadeCode plain(kFramePointer);
  call_made(plain);
  const uint32_t count = g_captured.count;
  const uint64_t outermost = g_frames[count - 1].pc();
  const MadeCode code(kJumpedTo);
  call_made(code);
  ASSERT_EQ(g_captured.count, count);
  EXPECT_TRUE(code.holds(g_frames[0].pc()));
  EXPECT_TRUE(g_frames[1].guessed());
  EXPECT_EQ(g_frames[count - 1].pc(), outermost);
  EXPECT_EQ(g_captured.ending, Ending::kComplete);
}

TEST(Walk, SaysWhenItIsLost) {
  for (const Code& made : {kNoFramePointer, kJumpedTwice}) {
    const MadeCode code(made);
    code.call()(keep);
    EXPECT_EQ(g_captured.count, 1u);
    EXPECT_TRUE(code.holds(g_frames[0].pc()));
    EXPECT_EQ(g_captured.ending, Ending::kLost);
  }
}

TEST(Walk, AnyRegistersAtAll) {
  Registers made{};
  Frame frames[100];
  for (const uint64_t pc :
       {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, reinterpret_cast<uint64_t>(&compare) + 20}) {
    for (const uint64_t sp :
         {uint64_t{0}, uint64_t{8}, ~uint64_t{7}, uint64_t{1} << 62, reinterpret_cast<uint64_t>(&made)}) {
      for (const uint64_t bp : {uint64_t{0}, uint64_t{3}, sp + 8, ~uint64_t{0}}) {
        for (const bool interrupted : {false, true}) {
          made.set(kReturnAddress, pc);
          made.set(kRsp, sp);
          made.set(kRbp, bp);
          made.interrupted = interrupted;
          EXPECT_LE(capture(made, nullptr, frames, 100).count, 100u);
        }
      }
    }
  }
}

}  // namespace
}  // namespace loam::stack
