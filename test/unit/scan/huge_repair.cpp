#include "scan/huge_repair.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <vector>

#include "heap/large.hpp"
#include "runtime/heap_view.hpp"
#include "support/heap.hpp"
#include "sys/resident.hpp"

namespace {

using namespace loam;

constexpr size_t kHuge = size_t{2} << 20;

uint64_t huge_bytes(const char* start, size_t bytes) {
  uint64_t sum = 0;
  sys::PageScan scan;
  const auto add = [](const sys::ResidentRun& run, void* out) {
    if (run.huge) *static_cast<uint64_t*>(out) += run.end - run.start;
  };
  scan.scan(reinterpret_cast<uint64_t>(start), reinterpret_cast<uint64_t>(start) + bytes, add, &sum);
  return sum;
}

class HugeRepair : public testing::Test {
 protected:
  // A block of the heap on small pages, of which `written` bytes are there.
  char* make(size_t bytes, size_t written) {
    auto* block = static_cast<char*>(heap::allocate_large(bytes, meta::kSlice));
    EXPECT_NE(block, nullptr);
    const auto page = reinterpret_cast<uint64_t>(block) & ~uint64_t{4095};
    EXPECT_EQ(madvise(reinterpret_cast<void*>(page), bytes, MADV_DONTNEED), 0);
    EXPECT_EQ(madvise(reinterpret_cast<void*>(page), bytes, MADV_NOHUGEPAGE), 0);
    std::memset(block, 7, written);
    EXPECT_EQ(huge_bytes(block, bytes), 0u);
    // From here on the kernel may join some by itself.
    EXPECT_EQ(madvise(reinterpret_cast<void*>(page), bytes, MADV_HUGEPAGE), 0);
    return block;
  }
  static void drop(char* block) { EXPECT_TRUE(heap::release_large(*heap::page_map.find(block), block)); }
  // Where the kernel can join pages at all; elsewhere joining must do nothing and harm nothing.
  static bool can_join(char* block) {
    auto* at = reinterpret_cast<void*>((reinterpret_cast<uint64_t>(block) + kHuge - 1) & ~(kHuge - 1));
    return madvise(at, kHuge, 25) == 0;
  }
  // Huge pages inside of the block that were left small though the kernel joins them when asked; it may be out of some now and then.
  static unsigned left_small(char* block, size_t bytes) {
    unsigned count = 0;
    for (char* at = block; at + 2 * kHuge <= block + bytes; at += kHuge) {
      auto* page = reinterpret_cast<char*>((reinterpret_cast<uint64_t>(at) + kHuge - 1) & ~(kHuge - 1));
      if (huge_bytes(page, kHuge) < kHuge && can_join(page)) ++count;
    }
    return count;
  }

  test::HeapUser user;
};

TEST_F(HugeRepair, JoinsWhatIsWholeInALargeHeap) {
  constexpr size_t kBytes = 8 * kHuge;
  std::vector<char*> blocks;
  blocks.reserve(8);
  for (int i = 0; i < 8; ++i) blocks.push_back(make(kBytes, kBytes));
  char* part = make(kBytes, kHuge / 2);
  const bool can = can_join(blocks[0]);
  scan::HugeRepair repair;
  repair.join(runtime::view_of_heap(), ~uint64_t{0});
  if (can) {
    for (char* block : blocks) EXPECT_EQ(left_small(block, kBytes), 0u);
    EXPECT_GE(repair.joined_bytes(), 4 * kBytes);
  } else {
    EXPECT_EQ(repair.joined_bytes(), 0u);
  }
  EXPECT_EQ(huge_bytes(part + kHuge, kBytes - kHuge), 0u);  // nothing becomes resident by it
  for (char* block : blocks) {
    for (size_t i = 0; i < kBytes; i += 4096) ASSERT_EQ(block[i], 7);
    drop(block);
  }
  drop(part);
}

TEST_F(HugeRepair, ASmallHeapIsLeftAlone) {
  char* block = make(8 * kHuge, 8 * kHuge);
  scan::HugeRepair repair;
  const uint64_t before = huge_bytes(block, 8 * kHuge);
  repair.join(runtime::view_of_heap(), ~uint64_t{0});
  EXPECT_EQ(repair.joined_bytes(), 0u);
  EXPECT_EQ(huge_bytes(block, 8 * kHuge), before);
  drop(block);
}

TEST_F(HugeRepair, NoTimeNoJoining) {
  std::vector<char*> blocks;
  blocks.reserve(8);
  for (int i = 0; i < 8; ++i) blocks.push_back(make(8 * kHuge, 8 * kHuge));
  scan::HugeRepair repair;
  repair.join(runtime::view_of_heap(), 0);
  EXPECT_EQ(repair.joined_bytes(), 0u);
  for (char* block : blocks) drop(block);
}

}  // namespace
