#include "sys/kernel.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace loam::sys {
namespace {

constexpr size_t kBytes = 64 << 10;

TEST(Kernel, MapsCountsAndUnmaps) {
  const CallCount before = call_count(Call::kMap);
  const uint64_t all = total_calls();
  auto* memory = static_cast<char*>(map(kBytes));
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(memory[kBytes - 1], 0);
  memory[5] = 1;
  EXPECT_TRUE(purge(memory, kBytes));
  EXPECT_EQ(memory[5], 0);
  EXPECT_TRUE(unmap(memory, kBytes));
  EXPECT_EQ(call_count(Call::kMap).calls, before.calls + 1);
  EXPECT_EQ(call_count(Call::kMap).failures, before.failures);
  EXPECT_EQ(total_calls(), all + 3);
}

TEST(Kernel, ReservedMemoryNeedsMakeWritable) {
  auto* memory = static_cast<char*>(map(kBytes, true));
  ASSERT_NE(memory, nullptr);
  unsigned char resident = 0;
  EXPECT_EQ(mincore(memory, 4096, &resident), 0);
  EXPECT_TRUE(make_writable(memory, 4096));
  memory[4095] = 1;
  EXPECT_TRUE(unmap(memory, kBytes));
}

TEST(Kernel, MapsAtAnAddressOrNotAtAll) {
  auto* memory = static_cast<char*>(map(2 * kBytes));
  const Mapping refused = map_at(memory, kBytes);
  EXPECT_EQ(refused.address, nullptr);
  EXPECT_TRUE(refused.occupied);
  ASSERT_TRUE(unmap(memory, 2 * kBytes));
  const Mapping made = map_at(memory, kBytes);
  EXPECT_EQ(made.address, memory);
  auto* moved = static_cast<char*>(remap(memory, kBytes, 4 * kBytes));
  ASSERT_NE(moved, nullptr);
  EXPECT_EQ(moved[4 * kBytes - 1], 0);
  EXPECT_TRUE(unmap(moved, 4 * kBytes));
}

TEST(Kernel, FailsTheNthCall) {
  const int kept_errno = errno = 77;
  fail_call(2, false);
  void* first = map(kBytes);
  EXPECT_NE(first, nullptr);
  const CallCount before = call_count(Call::kMap);
  EXPECT_EQ(map(kBytes), nullptr);
  EXPECT_EQ(call_count(Call::kMap).failures, before.failures + 1);
  EXPECT_TRUE(unmap(first, kBytes));
  fail_call(1, true);
  EXPECT_EQ(map(kBytes), nullptr);
  EXPECT_EQ(map(kBytes), nullptr);
  EXPECT_EQ(map_at(nullptr, kBytes).address, nullptr);
  fail_call(0, false);
  void* again = map(kBytes);
  EXPECT_NE(again, nullptr);
  EXPECT_TRUE(unmap(again, kBytes));
  EXPECT_EQ(errno, kept_errno);
}

uint64_t observed_bytes = 0;
unsigned observed_failures = 0;

TEST(Kernel, TellsTheObserver) {
  set_observer([](Call call, uint64_t, uint64_t bytes, bool failed) {
    if (call == Call::kMap) observed_bytes += bytes;
    observed_failures += failed ? 1 : 0;
  });
  void* memory = map(kBytes);
  fail_call(1, false);
  EXPECT_EQ(map(kBytes), nullptr);
  set_observer(nullptr);
  unmap(memory, kBytes);
  EXPECT_EQ(observed_bytes, 2 * kBytes);
  EXPECT_EQ(observed_failures, 1u);
}

TEST(Kernel, BreakMovesOnlyFromWhereItWas) {
  char* start = current_break();
  EXPECT_FALSE(move_break(start + 4096, start + 8192));
  ASSERT_EQ(current_break(), start);
  ASSERT_TRUE(move_break(start, start + 8192));
  start[8191] = 1;
  EXPECT_TRUE(move_break(start + 8192, start));
  EXPECT_EQ(current_break(), start);
}

TEST(Kernel, KnowsThreadAndProcess) {
  EXPECT_EQ(process_id(), static_cast<uint32_t>(getpid()));
  EXPECT_EQ(thread_id(), static_cast<uint32_t>(gettid()));
  EXPECT_GT(physical_memory(), uint64_t{1} << 26);
  const uint64_t before = monotonic_ns();
  EXPECT_LE(before, monotonic_ns());
  for (size_t i = 0; i < kCallKinds; ++i) EXPECT_GT(std::strlen(call_name(static_cast<Call>(i))), 0u);
}

}  // namespace
}  // namespace loam::sys
