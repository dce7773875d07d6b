#include "sys/process_copy.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace {

using namespace loam::sys;

TEST(ProcessCopy, HasTheSameMemoryAndIsNoChildForWait) {
  int value = 4711;
  const long copy = copy_process();
  if (copy == 0) {
    rlimit core{};
    getrlimit(RLIMIT_CORE, &core);
    const bool well = value == 4711 && core.rlim_cur == 0 && getsid(0) == getpid();
    value = 1;
    leave_copy(well ? 0 : 1);
  }
  ASSERT_GT(copy, 0);
  EXPECT_EQ(waitpid(-1, nullptr, 0), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_TRUE(wait_for_copy(copy));
  EXPECT_EQ(value, 4711);
  EXPECT_FALSE(wait_for_copy(copy)) << "it has been reaped";
}

TEST(ProcessCopy, FailsAndCanBeKilled) {
  long copy = copy_process();
  if (copy == 0) leave_copy(3);
  EXPECT_FALSE(wait_for_copy(copy));
  copy = copy_process();
  if (copy == 0) {
    for (;;) pause();
  }
  kill_copy(copy);
  EXPECT_FALSE(wait_for_copy(copy));
}

}  // namespace
