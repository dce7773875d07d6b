#include "sys/source.hpp"

#include <glob.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "sys/kernel.hpp"

namespace loam::sys {
namespace {

constexpr size_t kStep = size_t{2} << 20;

char* far_behind(char* address) { return address + (size_t{1} << 32); }

void expect_zero_and_writable(char* memory, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 4096) {
    ASSERT_EQ(memory[at], 0);
    memory[at] = 1;
  }
  memory[bytes - 1] = 1;
}

void extend_twice(Source& source) {
  char* start = source.window_start(kStep);
  EXPECT_EQ(reinterpret_cast<uint64_t>(start) % kStep, 0u);
  char* first = source.extend(start, kStep, kStep, far_behind(start));
  ASSERT_NE(first, nullptr);
  EXPECT_GE(first, start);
  EXPECT_EQ(static_cast<size_t>(first - start) % kStep, 0u);
  char* second = source.extend(first + kStep, 2 * kStep, kStep, far_behind(start));
  ASSERT_NE(second, nullptr);
  EXPECT_GE(second, first + kStep);
  expect_zero_and_writable(first, kStep);
  expect_zero_and_writable(second, 2 * kStep);
}

TEST(Source, MapExtends) {
  Source source;
  ASSERT_TRUE(source.open(SourceKind::kMap, ""));
  extend_twice(source);
}

TEST(Source, MapGoesAroundWhatLiesThere) {
  Source source;
  ASSERT_TRUE(source.open(SourceKind::kMap, ""));
  auto* room = static_cast<char*>(map(16 * kStep, true));
  ASSERT_NE(room, nullptr);
  ASSERT_TRUE(unmap(room + 4 * kStep, 12 * kStep));
  char* got = source.extend(room, kStep, kStep, room + 16 * kStep);
  ASSERT_NE(got, nullptr);
  EXPECT_GE(got, room + 4 * kStep);
  EXPECT_EQ(static_cast<size_t>(got - room) % kStep, 0u);
  EXPECT_FALSE(source.shrink(got + kStep, got));
  EXPECT_EQ(source.extend(room, kStep, kStep, room + 4 * kStep), nullptr);  // nothing free below the limit
  unmap(room, 4 * kStep);
  unmap(got, kStep);
}

TEST(Source, MapRefusedByTheKernel) {
  Source source;
  ASSERT_TRUE(source.open(SourceKind::kMap, ""));
  char* start = source.window_start(kStep);
  fail_call(1, false);
  EXPECT_EQ(source.extend(start, kStep, kStep, far_behind(start)), nullptr);
}

TEST(Source, BreakExtendsAndShrinks) {
  Source source;
  ASSERT_TRUE(source.open(SourceKind::kBreak, ""));
  char* before = current_break();
  EXPECT_EQ(source.initial_break(), before);
  char* start = source.window_start(kStep);
  char* first = source.extend(start, kStep, kStep, far_behind(start));
  ASSERT_EQ(first, start);
  EXPECT_EQ(current_break(), start + kStep);
  EXPECT_EQ(source.highest_break(), start + kStep);
  expect_zero_and_writable(first, kStep);
  EXPECT_FALSE(source.shrink(start, first));  // not where the break is
  EXPECT_TRUE(source.shrink(first + kStep, first));
  EXPECT_EQ(current_break(), first);
  EXPECT_EQ(source.highest_break(), start + kStep);
  ASSERT_TRUE(move_break(first, before));
}

TEST(Source, BreakMovedBySomebodyElse) {
  Source source;
  ASSERT_TRUE(source.open(SourceKind::kBreak, ""));
  char* before = current_break();
  char* start = source.window_start(kStep);
  char* first = source.extend(start, kStep, kStep, far_behind(start));
  ASSERT_NE(first, nullptr);
  auto* theirs = static_cast<char*>(sbrk(5000));
  ASSERT_EQ(theirs, first + kStep);
  theirs[4999] = 5;
  char* second = source.extend(first + kStep, kStep, kStep, far_behind(start));
  ASSERT_NE(second, nullptr);
  EXPECT_GE(second, theirs + 5000);
  EXPECT_EQ(static_cast<size_t>(second - first) % kStep, 0u);
  expect_zero_and_writable(second, kStep);
  EXPECT_EQ(theirs[4999], 5);
  EXPECT_TRUE(source.shrink(second + kStep, second));
  ASSERT_TRUE(move_break(second, before));
}

TEST(Source, BreakRefused) {
  Source source;
  ASSERT_TRUE(source.open(SourceKind::kBreak, ""));
  char* start = source.window_start(kStep);
  char* before = current_break();
  fail_call(1, false);
  EXPECT_EQ(source.extend(start, kStep, kStep, far_behind(start)), nullptr);
  EXPECT_EQ(current_break(), before);
  EXPECT_EQ(source.extend(start, 2 * kStep, kStep, start + kStep), nullptr);
}

TEST(Source, FileIsPrivateAndUnlinked) {
  const std::string path = testing::TempDir() + "loam-source";
  Source source;
  ASSERT_TRUE(source.open(SourceKind::kFile, path.c_str()));
  extend_twice(source);
  glob_t found{};
  EXPECT_EQ(glob((path + "*").c_str(), 0, nullptr, &found), GLOB_NOMATCH);
  globfree(&found);
  char* start = source.window_start(kStep);
  fail_call(1, false);  // the file cannot grow
  EXPECT_EQ(source.extend(start, kStep, kStep, far_behind(start)), nullptr);
}

TEST(Source, FileInAFolderThatIsNot) {
  Source source;
  EXPECT_FALSE(source.open(SourceKind::kFile, "/nonexistent/folder/file"));
}

}  // namespace
}  // namespace loam::sys
