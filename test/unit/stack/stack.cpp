#include "stack/stack.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "libgcc.hpp"

namespace loam::stack {
namespace {

struct Both {
  Id id;
  std::vector<uint64_t> expected;
};

[[gnu::noinline]] Both both(Memo* memo) {
  Registers here;
  Registers::here(here);
  Both out{capture_id(memo, here, __builtin_dwarf_cfa()), by_libgcc(__builtin_dwarf_cfa())};
  return out;
}

void expect_same(const Both& stack) {
  Frame frames[500];
  const Resolved resolved = resolve(stack.id, frames, 500);
  EXPECT_EQ(resolved.ending, Ending::kComplete);
  ASSERT_EQ(resolved.count, stack.expected.size());
  EXPECT_EQ(resolved.depth, resolved.count);
  for (uint32_t i = 0; i < resolved.count; ++i) EXPECT_EQ(frames[i].pc(), stack.expected[i]);
}

TEST(Stack, WithAndWithoutAMemo) {
  ASSERT_TRUE(prepare());
  Memo* memo = attach_memo();
  ASSERT_NE(memo, nullptr);
  Id ids[2];
  Memo* const memos[] = {memo, nullptr};
  // Not to be unrolled: the stacks are the same only from one place.
  for (unsigned turn = 0; turn < 2; ++turn) {
    asm volatile("" : "+r"(turn));
    const Both stack = both(memos[turn]);
    expect_same(stack);
    ids[turn] = stack.id;
  }
  EXPECT_EQ(ids[0], ids[1]);
  release_memo(memo);
}

TEST(Stack, MemosAreUsedAgain) {
  Memo* memo = attach_memo();
  release_memo(memo);
  EXPECT_EQ(attach_memo(), memo);
  release_memo(memo);
}

TEST(Stack, FromAnInterruptedFrame) {
  ASSERT_TRUE(prepare());
  Registers here;
  Registers::here(here);
  here.interrupted = true;
  const Id id = capture_id(nullptr, here, nullptr);
  Frame frames[500];
  const Resolved resolved = resolve(id, frames, 500);
  EXPECT_EQ(resolved.ending, Ending::kComplete);
  EXPECT_EQ(frames[0].pc(), here.pc());
}

[[gnu::noinline]] void recurse(int depth, Both& out) {
  if (depth == 0)
    out = both(nullptr);
  else
    recurse(depth - 1, out);
  asm volatile("");
}

TEST(Stack, SaysThatItIsCut) {
  ASSERT_TRUE(prepare());
  Both stack;
  recurse(20000, stack);
  Frame frames[10];
  const Resolved resolved = resolve(stack.id, frames, 10);
  EXPECT_EQ(resolved.ending, Ending::kCut);
  EXPECT_GE(resolved.depth, 4000u);
  EXPECT_EQ(frames[0].pc(), stack.expected[0]);
}

TEST(Stack, ManyThreads) {
  ASSERT_TRUE(prepare());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      Memo* memo = attach_memo();
      for (int i = 0; i < 300; ++i) {
        Both stack;
        recurse(i % 37, stack);
        expect_same(stack);
        expect_same(both(memo));
      }
      release_memo(memo);
    });
  }
  for (auto& thread : threads) thread.join();
}

// The child knows what its parent knew, and goes on.
TEST(Stack, AfterAFork) {
  ASSERT_TRUE(prepare());
  Memo* memo = attach_memo();
  const Both before = both(memo);
  const pid_t child = fork();
  if (child == 0) {
    Frame frames[500];
    const Resolved resolved = resolve(before.id, frames, 500);
    bool good = resolved.count == before.expected.size();
    const Both after = both(memo);
    good = good && resolve(after.id, frames, 500).count == after.expected.size();
    _exit(good ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  release_memo(memo);
}

}  // namespace
}  // namespace loam::stack
