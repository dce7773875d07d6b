// The kernel tells which pages were written to.
#include "sys/written_pages.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "support/huge_page.hpp"
#include "sys/kernel.hpp"

namespace loam::sys {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kBytes = 64 * kPage;

struct Watched {
  Watched() : memory(static_cast<char*>(map(kBytes))), start(reinterpret_cast<uint64_t>(memory)) {
    opened = pages.open(start, start + kBytes);
    std::memset(memory, 1, kBytes);
  }
  ~Watched() {
    pages.close();
    unmap(memory, kBytes);
  }
  // Numbers of the pages written to; one that was not watched is told as -1.
  std::vector<long> written() {
    std::vector<long> numbers;
    struct Argument {
      std::vector<long>* numbers;
      uint64_t start;
    } argument{&numbers, start};
    const auto note = [](uint64_t from, uint64_t to, void* pointer) {
      auto& at = *static_cast<Argument*>(pointer);
      for (; from < to; from += kPage) at.numbers->push_back(static_cast<long>((from - at.start) / kPage));
    };
    const bool told = pages.begin() && pages.visit(start, start + kBytes, note, &argument);
    pages.finish();
    return told ? numbers : std::vector<long>{-1};
  }
  bool watch() {
    const bool done = pages.begin() && pages.watch(start, start + kBytes);
    pages.finish();
    return done;
  }

  char* memory;
  uint64_t start;
  WrittenPages pages;
  bool opened = false;
};

TEST(SysWrittenPages, TellsWhatWasWrittenSinceTheLastLook) {
  Watched watched;
  if (!watched.opened) {
    // A kernel before 6.7: then nothing may claim to know.
    EXPECT_EQ(watched.written(), std::vector<long>{-1});
    return;
  }
  EXPECT_EQ(watched.written().size(), kBytes / kPage) << "never watched: all count";
  ASSERT_TRUE(watched.watch());
  EXPECT_EQ(watched.written(), std::vector<long>{});
  watched.memory[3 * kPage + 5] = 2;
  watched.memory[40 * kPage] = 2;
  EXPECT_EQ(watched.written(), (std::vector<long>{3, 40}));
  EXPECT_EQ(watched.written(), (std::vector<long>{3, 40})) << "a look changes nothing";
  ASSERT_TRUE(watched.watch());
  EXPECT_EQ(watched.written(), std::vector<long>{});
  EXPECT_EQ(watched.memory[3 * kPage + 5], 2);
}

// Two huge pages' worth of addresses that the kernel may make huge.
struct Huge {
  static constexpr uint64_t kHuge = uint64_t{2} << 20;
  Huge() : mapped(static_cast<char*>(map(3 * kHuge))) {
    start = (reinterpret_cast<uint64_t>(mapped) + kHuge - 1) / kHuge * kHuge;
    memory = reinterpret_cast<char*>(start);
    opened = advise_huge(memory, 2 * kHuge, true) && pages.open(start, start + 2 * kHuge) && pages.begin();
    std::memset(memory, 1, 2 * kHuge);
  }
  ~Huge() {
    pages.finish();
    pages.close();
    unmap(mapped, 3 * kHuge);
  }
  // Of the first of them.
  uint64_t small_bytes() {
    uint64_t bytes = 0;
    const auto add = [](uint64_t from, uint64_t to, void* sum) { *static_cast<uint64_t*>(sum) += to - from; };
    EXPECT_TRUE(pages.visit_small(start, start + kHuge, add, &bytes));
    return bytes;
  }

  char* mapped;
  char* memory;
  uint64_t start;
  WrittenPages pages;
  bool opened;
};

TEST(SysWrittenPages, AHugePageThatAWriteHasSplitIsJoined) {
  Huge huge;
  if (!huge.opened) {
    EXPECT_FALSE(huge.pages.join(huge.start)) << "a kernel before 6.7, or without huge pages";
    return;
  }
  ASSERT_TRUE(huge.pages.watch(huge.start, huge.start + 2 * Huge::kHuge));
  const uint64_t before = huge.small_bytes();
  huge.memory[5 * kPage] = 2;
  if (before == 0) {
    EXPECT_EQ(huge.small_bytes(), Huge::kHuge - kPage) << "the page written to does not count";
  }
  if (!huge.pages.join(huge.start)) {
    EXPECT_FALSE(test::huge_page_is_to_be_had());
    return;
  }
  EXPECT_EQ(huge.small_bytes(), 0u);
  EXPECT_EQ(huge.memory[5 * kPage], 2);
  EXPECT_EQ(huge.memory[6 * kPage], 1);
  uint64_t written = 0;
  const auto add = [](uint64_t from, uint64_t to, void* sum) { *static_cast<uint64_t*>(sum) += to - from; };
  ASSERT_TRUE(huge.pages.visit(huge.start, huge.start + 2 * Huge::kHuge, add, &written));
  EXPECT_EQ(written, Huge::kHuge) << "what is joined counts as written";
}

TEST(SysWrittenPages, ClosedOrForkedItKnowsNothing) {
  Watched watched;
  if (!watched.opened) {
    EXPECT_FALSE(watched.pages.is_open());
    return;
  }
  ASSERT_TRUE(watched.watch());
  const pid_t child = fork();
  if (child == 0) {
    watched.memory[0] = 3;
    _exit(watched.written() == std::vector<long>{-1} ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "a child must not take the parent's pages for its own";
  watched.pages.close();
  EXPECT_EQ(watched.written(), std::vector<long>{-1});
  EXPECT_FALSE(watched.watch());
}

}  // namespace
}  // namespace loam::sys
