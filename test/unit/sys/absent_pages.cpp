// Pages that fault until they are put in place. Where the kernel cannot (before Linux 6.8, or forbidden), open() says so.
#include "sys/absent_pages.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "sys/kernel.hpp"
#include "sys/probe.hpp"
#include "sys/syscall.hpp"
#include "sys/userfault.hpp"

namespace loam::sys {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kBytes = 256 * kPage;

// Whether the kernel can, and lets us: the rest of this file has nothing to show where it does not.
bool is_offered() {
  const long descriptor = userfault::open(userfault::kSignalsBus | userfault::kMoves);
  if (failed(descriptor)) return false;
  close(static_cast<int>(descriptor));
  return true;
}

struct Range {
  Range() : memory(static_cast<char*>(map_unreserved(kBytes))) {
    advise_huge(memory, kBytes, false);
    opened = pages.open(memory, kBytes);
    EXPECT_EQ(opened, is_offered());
  }
  ~Range() {
    pages.end();
    unmap(memory, kBytes);
  }
  char* page(uint64_t number) const { return memory + number * kPage; }
  bool is_there(uint64_t number) const { return readable(reinterpret_cast<uint64_t>(page(number))); }

  char* memory;
  AbsentPages pages;
  bool opened;
};

// Runs in a forked child; what it returns is its exit status, or minus the signal that ended it.
template <class Function>
int in_child(Function function) {
  const pid_t child = fork();
  if (child == 0) _exit(function());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// What vfork() does, but with a stack of its own: the thread sanitizer makes a plain fork of vfork(), and what such a child writes its
// parent never sees.
pid_t in_the_same_memory(int (*function)(void*), void* argument) {
  alignas(16) static char stack[256 * 1024];
  return clone(function, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, argument);
}

// A program may close what it did not open.
void close_all() {
  for (int descriptor = 3; descriptor < 1024; ++descriptor) close(descriptor);
}

TEST(AbsentPages, FaultUntilPlaced) {
  Range range;
  if (!range.opened) return;
  EXPECT_FALSE(range.is_there(3));
  ASSERT_TRUE(range.pages.place(range.page(3), kPage));
  EXPECT_EQ(range.page(3)[5], 0);
  range.page(3)[5] = 'x';
  EXPECT_FALSE(range.is_there(2));
  EXPECT_FALSE(range.is_there(4));
  ASSERT_TRUE(range.pages.remove(range.page(3), kPage));
  EXPECT_FALSE(range.is_there(3));
  ASSERT_TRUE(range.pages.place(range.page(3), kPage));
  EXPECT_EQ(range.page(3)[5], 0);
}

TEST(AbsentPages, PlacedInBulk) {
  Range range;
  if (!range.opened) return;
  for (const uint64_t pages : {uint64_t{16}, uint64_t{100}}) {
    ASSERT_TRUE(range.pages.place(range.page(1), pages * kPage));
    for (uint64_t i = 1; i <= pages; ++i) {
      ASSERT_EQ(*range.page(i), 0) << i;
      *range.page(i) = 'x';
    }
    EXPECT_FALSE(range.is_there(pages + 1));
    ASSERT_TRUE(range.pages.remove(range.page(1), pages * kPage));
    EXPECT_FALSE(range.is_there(pages));
  }
}

TEST(AbsentPages, MoveWithTheirContent) {
  Range range;
  if (!range.opened) return;
  ASSERT_TRUE(range.pages.place(range.page(0), kPage));
  std::strcpy(range.page(0), "moved");
  ASSERT_TRUE(range.pages.move(range.page(0), range.page(7)));
  EXPECT_FALSE(range.is_there(0));
  EXPECT_STREQ(range.page(7), "moved");
  EXPECT_FALSE(range.pages.move(range.page(0), range.page(8))) << "there is nothing to move";
}

TEST(AbsentPages, WhatAChildSharesDoesNotMove) {
  Range range;
  if (!range.opened) return;
  ASSERT_TRUE(range.pages.place(range.page(0), kPage));
  std::strcpy(range.page(0), "shared");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    close(ready[1]);
    _exit(read(ready[0], &byte, 1) == 0 && std::strcmp(range.page(0), "shared") == 0 ? 0 : 1);
  }
  close(ready[0]);
  EXPECT_FALSE(range.pages.move(range.page(0), range.page(1)));
  EXPECT_STREQ(range.page(0), "shared");
  close(ready[1]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(AbsentPages, AreAbsentInAForkedChildOnceRenewed) {
  Range range;
  if (!range.opened) return;
  ASSERT_TRUE(range.pages.place(range.page(0), kPage));
  const int status = in_child([&] {
    range.pages.renew();
    if (!range.pages.place(range.page(1), kPage) || !range.pages.move(range.page(1), range.page(2))) return 1;
    *range.page(0) = 'y';          // the child's own
    std::signal(SIGBUS, SIG_DFL);  // a sanitizer's handler would make an exit of it
    return int{*static_cast<volatile char*>(range.page(9))};
  });
  EXPECT_EQ(status, -SIGBUS);
  EXPECT_EQ(*range.page(0), 0);
  EXPECT_FALSE(range.is_there(1)) << "a call of the child was about its parent's pages";
  EXPECT_FALSE(range.is_there(2));
}

// A child that nobody told: the first call finds that the descriptor is its parent's.
TEST(AbsentPages, AChildNeverActsOnItsParent) {
  Range range;
  if (!range.opened) return;
  EXPECT_EQ(in_child([&] { return range.pages.place(range.page(5), kPage) ? 0 : 1; }), 0);
  EXPECT_FALSE(range.is_there(5));
}

TEST(AbsentPages, SurviveThatTheirDescriptorIsClosed) {
  const int status = in_child([] {
    Range range;
    if (!range.opened) return 0;
    close_all();
    const volatile char read = *range.page(3);  // nobody watches now
    if (read != 0 || !range.pages.place(range.page(3), 2 * kPage)) return 1;
    return range.is_there(5) || !range.pages.works() ? 2 : 0;
  });
  EXPECT_EQ(status, 0);
}

TEST(AbsentPages, SurviveThatTheirNumberIsAnothersNow) {
  const int status = in_child([] {
    Range range;
    if (!range.opened || !range.pages.place(range.page(3), kPage)) return range.opened ? 1 : 0;
    close_all();
    const int foreign = open("/dev/null", O_RDONLY);
    for (int number = foreign; number < 1000; number = dup(foreign)) {
    }
    if (!range.pages.move(range.page(3), range.page(4))) return 2;
    return range.is_there(3) ? 3 : 0;
  });
  EXPECT_EQ(status, 0);
}

// With few descriptors there is none where those of programs seldom are. The standard ones are the program's also when they are closed.
TEST(AbsentPages, LeaveTheStandardDescriptorsAlone) {
  const int status = in_child([] {
    constexpr rlimit kFew = {64, 64};
    close(0);
    if (setrlimit(RLIMIT_NOFILE, &kFew) != 0) return 1;
    Range range;
    if (fcntl(0, F_GETFD) != -1) return 2;
    if (!range.opened) return 0;
    return range.pages.place(range.page(3), kPage) && range.page(3)[5] == 0 ? 0 : 3;
  });
  EXPECT_EQ(status, 0);
}

TEST(AbsentPages, StayTheParentsWhenAChildInItsMemoryClosesAll) {
  Range range;
  if (!range.opened) return;
  struct Shared {
    Range* range;
    bool placed;
  } shared = {&range, true};
  const auto child_main = [](void* argument) {
    auto* of_parent = static_cast<Shared*>(argument);
    close_all();
    of_parent->placed = of_parent->range->pages.place(of_parent->range->page(5), kPage);
    return 0;
  };
  const pid_t child = in_the_same_memory(child_main, &shared);
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(shared.placed);
  EXPECT_TRUE(range.pages.works());
  EXPECT_FALSE(range.is_there(5));
  ASSERT_TRUE(range.pages.place(range.page(5), kPage));
  EXPECT_TRUE(range.pages.move(range.page(5), range.page(6)));
}

TEST(AbsentPages, AreOrdinaryAfterTheEnd) {
  Range range;
  if (!range.opened) return;
  ASSERT_TRUE(range.pages.place(range.page(0), kPage));
  *range.page(0) = 'x';
  range.pages.end();
  EXPECT_FALSE(range.pages.works());
  EXPECT_EQ(*range.page(0), 'x');
  EXPECT_EQ(*range.page(1), 0);
  EXPECT_FALSE(range.pages.place(range.page(2), kPage));
}

TEST(AbsentPages, RefusedCallsChangeNothing) {
  Range range;
  if (!range.opened) return;
  fail_call(1, false);
  EXPECT_FALSE(range.pages.place(range.page(0), kPage));
  EXPECT_FALSE(range.is_there(0));
  ASSERT_TRUE(range.pages.place(range.page(0), kPage));
  *range.page(0) = 'x';
  fail_call(1, false);
  EXPECT_FALSE(range.pages.move(range.page(0), range.page(1)));
  EXPECT_EQ(*range.page(0), 'x');
  EXPECT_TRUE(range.pages.works());
}

}  // namespace
}  // namespace loam::sys
