// PAGEMAP_SCAN as the kernel has it, from linux/fs.h of Linux 6.7: the headers of an older distribution lack it.
// Locking: none, these are layouts.
#pragma once

#include <cstdint>

namespace loam::sys {

struct PagemapScan {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t regions;
  uint64_t region_count;
  uint64_t max_pages;
  uint64_t category_inverted;
  uint64_t category_mask;
  uint64_t category_any_of;
  uint64_t return_mask;
};
struct PagemapRegion {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
};
static_assert(sizeof(PagemapScan) == 96 && sizeof(PagemapRegion) == 24);
constexpr long kPagemapScanCall = 0xc0606610;  // _IOWR('f', 16, PagemapScan)

// Categories of a page.
namespace pagemap {
constexpr uint64_t kWritten = 1u << 1;
constexpr uint64_t kFile = 1u << 2;
constexpr uint64_t kPresent = 1u << 3;
constexpr uint64_t kSwapped = 1u << 4;
constexpr uint64_t kZeroPage = 1u << 5;
constexpr uint64_t kHuge = 1u << 6;
}  // namespace pagemap

}  // namespace loam::sys
