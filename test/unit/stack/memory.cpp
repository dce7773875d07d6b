#include "stack/memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace loam::stack {
namespace {

constexpr uint64_t kPage = 4096;

TEST(Memory, ReadsAcrossKnownPages) {
  auto* pages = static_cast<char*>(
      mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(mprotect(pages + 3 * kPage, kPage, PROT_NONE), 0);
  const auto start = reinterpret_cast<uint64_t>(pages);
  Memory memory;
  uint64_t word = 1;
  for (uint64_t offset = 0; offset + 8 <= 3 * kPage; offset += 1004) {
    EXPECT_TRUE(memory.read(start + offset, word)) << offset;
    EXPECT_EQ(word, 0u);
  }
  EXPECT_TRUE(memory.read(start + 3 * kPage - 8, word));
  EXPECT_FALSE(memory.read(start + 3 * kPage - 7, word));
  EXPECT_FALSE(memory.read(start + 3 * kPage, word));
  munmap(pages, 4 * kPage);
}

// What was known of a stack is asked again once another one was in use between.
TEST(Memory, ForgetsAnotherStack) {
  void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  const auto place = reinterpret_cast<uint64_t>(page);
  Memory memory;
  EXPECT_TRUE(memory.known(place));
  munmap(page, kPage);
  memory.settle(place);
  EXPECT_TRUE(memory.known(place)) << "still on that stack, it says";
  memory.settle(place + (uint64_t{1} << 30));
  EXPECT_FALSE(memory.known(place));
}

TEST(Memory, RefusesWhatIsNoAddress) {
  Memory memory;
  uint64_t word = 0;
  for (const uint64_t address : {uint64_t{0}, uint64_t{7}, uint64_t{1} << 47, ~uint64_t{0}, ~uint64_t{0} - 7})
    EXPECT_FALSE(memory.read(address, word)) << address;
}

}  // namespace
}  // namespace loam::stack
