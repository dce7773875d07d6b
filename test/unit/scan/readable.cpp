#include "scan/readable.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <utility>
#include <vector>

namespace {

using namespace loam;
using Parts = std::vector<std::pair<uint64_t, uint64_t>>;

Parts visit(const scan::Readable& readable, uint64_t start, uint64_t end, bool pages) {
  Parts parts;
  const auto add = [](uint64_t low, uint64_t high, void* to) {
    static_cast<Parts*>(to)->emplace_back(low, high);
  };
  readable.visit(start, end, pages, add, &parts);
  return parts;
}

TEST(Readable, ForbiddenPartsAreCutOut) {
  scan::Scratch scratch;
  scan::Readable readable;
  ASSERT_TRUE(readable.prepare(scratch, 4));
  EXPECT_TRUE(readable.all());
  EXPECT_EQ(visit(readable, 100, 900, false), (Parts{{100, 900}}));
  readable.forbid(200, 300);
  readable.forbid(500, 600);
  EXPECT_FALSE(readable.all());
  EXPECT_EQ(visit(readable, 100, 900, false), (Parts{{100, 200}, {300, 500}, {600, 900}}));
  EXPECT_EQ(visit(readable, 250, 550, false), (Parts{{300, 500}}));
  EXPECT_EQ(visit(readable, 200, 300, false), Parts{});
  EXPECT_EQ(visit(readable, 600, 700, false), (Parts{{600, 700}}));
}

TEST(Readable, OnlyPagesThatHoldSomething) {
  constexpr uint64_t kPage = 4096;
  auto* memory = static_cast<char*>(
      mmap(nullptr, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memory[2 * kPage] = 1;
  memory[5 * kPage] = 1;
  const auto start = reinterpret_cast<uint64_t>(memory);
  scan::Scratch scratch;
  scan::Readable readable;
  ASSERT_TRUE(readable.prepare(scratch, 1));
  EXPECT_EQ(visit(readable, start, start + 8 * kPage, true),
            (Parts{{start + 2 * kPage, start + 3 * kPage}, {start + 5 * kPage, start + 6 * kPage}}));
  EXPECT_EQ(visit(readable, start + 2 * kPage + 16, start + 3 * kPage, true),
            (Parts{{start + 2 * kPage + 16, start + 3 * kPage}}));
  munmap(memory, 8 * kPage);
}

}  // namespace
