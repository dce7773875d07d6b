#include "sys/resident.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <vector>

namespace loam::sys {
namespace {

constexpr std::uint64_t kPage = 4096;

struct Area {
  explicit Area(std::uint64_t pages)
      : bytes(pages * kPage),
        start(static_cast<char*>(
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    madvise(start, bytes, MADV_NOHUGEPAGE);
  }
  ~Area() { munmap(start, bytes); }
  Area(const Area&) = delete;
  Area& operator=(const Area&) = delete;

  std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(start); }

  std::uint64_t bytes;
  char* start;
};

void note(const ResidentRun& run, void* argument) {
  auto& pages = *static_cast<std::vector<std::uint64_t>*>(argument);
  for (std::uint64_t at = run.start; at < run.end; at += kPage) pages.push_back(at / kPage);
}

std::vector<std::uint64_t> resident_pages(PageScan& scan, const Area& area, bool* told) {
  std::vector<std::uint64_t> pages;
  *told = scan.scan(area.address(), area.address() + area.bytes, note, &pages);
  return pages;
}

class BothWays : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) scan_.read_entries();
  }

  PageScan scan_;
};

TEST_P(BothWays, FindsExactlyThePagesThatWereWritten) {
  const Area area(1000);
  std::vector<std::uint64_t> written;
  // Single pages, runs, both ends, and more runs than fit into one answer of the kernel.
  for (std::uint64_t page = 0; page < 1000; ++page) {
    if (page % 3 != 0 && page < 600) continue;
    if (page > 700 && page != 999) continue;
    area.start[page * kPage] = 1;
    written.push_back(area.address() / kPage + page);
  }
  bool told = false;
  EXPECT_EQ(resident_pages(scan_, area, &told), written);
  EXPECT_TRUE(told);
}

TEST_P(BothWays, NothingOfWhatWasGivenBack) {
  const Area area(64);
  std::memset(area.start, 1, area.bytes);
  madvise(area.start, area.bytes, MADV_DONTNEED);
  bool told = false;
  EXPECT_TRUE(resident_pages(scan_, area, &told).empty());
  EXPECT_TRUE(told);
}

TEST_P(BothWays, NothingBelowTheLowestMapping) {
  std::vector<std::uint64_t> pages;
  EXPECT_TRUE(scan_.scan(0, 16 * kPage, note, &pages));
  EXPECT_TRUE(pages.empty());
}

INSTANTIATE_TEST_SUITE_P(PageScan, BothWays, testing::Values(false, true));

TEST(PageScan, ZeroPagesAreNotResident) {
  PageScan scan;
  const Area area(16);
  volatile char sum = 0;
  for (std::uint64_t page = 0; page < 16; ++page) sum = static_cast<char>(sum + area.start[page * kPage]);
  area.start[0] = 1;
  bool told = false;
  const std::size_t count = resident_pages(scan, area, &told).size();
  EXPECT_EQ(count, scan.tells_huge() ? 1U : 16U) << "only the call tells them from others";
}

TEST(Mappings, AddUpToTheWholeAndContainWhatWasWritten) {
  const Area area(4096);
  std::memset(area.start, 1, area.bytes);
  MappingSizes mappings;
  MappingSize one{};
  std::uint64_t sum = 0;
  std::uint64_t last = 0;
  bool found = false;
  while (mappings.next(&one)) {
    EXPECT_GE(one.start, last);
    last = one.end;
    EXPECT_LE(one.resident, one.end - one.start);
    sum += one.resident;
    if (one.start <= area.address() && area.address() + area.bytes <= one.end) {
      found = true;
      EXPECT_GE(one.resident, area.bytes);
    }
  }
  EXPECT_TRUE(found);
  const std::uint64_t all = resident_bytes();
  EXPECT_NEAR(static_cast<double>(sum), static_cast<double>(all), 64.0 * kPage);
}

TEST(ResidentBytes, GrowsByWhatIsWritten) {
  const std::uint64_t before = resident_bytes();
  const Area area(4096);
  std::memset(area.start, 1, area.bytes);
  const std::uint64_t after = resident_bytes();
  EXPECT_GE(after, before + area.bytes);
  EXPECT_LT(after, before + area.bytes + 256 * kPage);
}

}  // namespace
}  // namespace loam::sys
