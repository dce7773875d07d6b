#include "sys/probe.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <csignal>

namespace loam::sys {
namespace {

TEST(Probe, TellsWhatCanBeRead) {
  constexpr size_t kPage = 4096;
  auto* pages = static_cast<char*>(
      mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  const auto start = reinterpret_cast<uint64_t>(pages);
  ASSERT_EQ(mprotect(pages + kPage, kPage, PROT_NONE), 0);
  ASSERT_EQ(munmap(pages + 2 * kPage, kPage), 0);
  EXPECT_TRUE(readable(start));
  EXPECT_TRUE(readable(start + kPage - 8));
  EXPECT_FALSE(readable(start + kPage - 4)) << "half of it lies on the page that may not be read";
  EXPECT_FALSE(readable(start + kPage));
  EXPECT_FALSE(readable(start + 2 * kPage));
  EXPECT_TRUE(readable(reinterpret_cast<uint64_t>(&kPage)));
  munmap(pages, 2 * kPage);
}

TEST(Probe, AnyAddressAtAll) {
  EXPECT_FALSE(readable(0));
  EXPECT_FALSE(readable(8));
  EXPECT_FALSE(readable(~uint64_t{0}));
  EXPECT_FALSE(readable(~uint64_t{7}));
  EXPECT_FALSE(readable(uint64_t{1} << 47));
  EXPECT_FALSE(readable(uint64_t{1} << 63));
}

TEST(Probe, ChangesNothing) {
  sigset_t before;
  sigset_t after;
  sigprocmask(SIG_SETMASK, nullptr, &before);
  errno = 77;
  readable(reinterpret_cast<uint64_t>(&before));
  readable(8);
  EXPECT_EQ(errno, 77);
  sigprocmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < 64; ++signal)
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
}

}  // namespace
}  // namespace loam::sys
