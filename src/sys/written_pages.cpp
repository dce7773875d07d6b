#include "sys/written_pages.hpp"

#include <fcntl.h>
#include <sys/syscall.h>

#include "sys/kernel.hpp"
#include "sys/pagemap_scan.hpp"
#include "sys/syscall.hpp"
#include "sys/userfault.hpp"

namespace loam::sys {

namespace {

constexpr uint64_t kScanProtects = 1u << 0;
constexpr uint64_t kScanOnlyWatched = 1u << 1;  // fails where pages are not watched

constexpr uint64_t kRegionsAtOnce = 64;
constexpr uint64_t kHugePage = uint64_t{2} << 20;

void close_descriptor(long descriptor) { raw_call(SYS_close, descriptor); }

}  // namespace

bool WrittenPages::open(uint64_t start, uint64_t end) {
  if (is_open()) return true;
  const long descriptor = userfault::open(userfault::kAsynchronousWrites);
  if (failed(descriptor)) return false;
  if (failed(userfault::watch(descriptor, start, end - start, userfault::kWriteProtect))) {
    close_descriptor(descriptor);
    return false;
  }
  descriptor_ = static_cast<int>(descriptor);
  return true;
}

void WrittenPages::close() {
  if (is_open()) close_descriptor(descriptor_);
  descriptor_ = -1;
}

bool WrittenPages::begin() {
  if (!is_open()) return false;
  const long map =
      raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/pagemap"), O_RDONLY | O_CLOEXEC);
  if (failed(map)) return false;
  map_ = static_cast<int>(map);
  return true;
}

void WrittenPages::finish() {
  if (map_ >= 0) close_descriptor(map_);
  map_ = -1;
}

bool WrittenPages::watch(uint64_t start, uint64_t end) {
  PagemapScan scan{};
  scan.size = sizeof scan;
  scan.flags = kScanProtects | kScanOnlyWatched;
  scan.start = start;
  scan.end = end;
  scan.category_mask = pagemap::kWritten;
  const long result = raw_call(SYS_ioctl, map_, kPagemapScanCall, reinterpret_cast<long>(&scan));
  return !failed(result) && scan.walk_end == end;
}

void WrittenPages::take_as_written(uint64_t start, uint64_t end) {
  if (is_open()) userfault::open_pages(descriptor_, start, end - start);
}

bool WrittenPages::join(uint64_t start) {
  // The kernel joins no page that is watched.
  return is_open() && !failed(userfault::open_pages(descriptor_, start, kHugePage)) &&
         sys::join(reinterpret_cast<void*>(start), kHugePage);
}

bool WrittenPages::scan(uint64_t start, uint64_t end, Which which, Visit function, void* argument) {
  constexpr uint64_t kNot = pagemap::kWritten | pagemap::kHuge;
  PagemapRegion regions[kRegionsAtOnce];
  bool told = true;
  while (start < end && told) {
    PagemapScan scan{};
    scan.size = sizeof scan;
    scan.flags = kScanOnlyWatched | (which == kWrittenAndWatch ? kScanProtects : 0);
    scan.start = start;
    scan.end = end;
    scan.regions = reinterpret_cast<uint64_t>(regions);
    scan.region_count = kRegionsAtOnce;
    scan.category_inverted = which == kSmall ? kNot : 0;
    scan.category_mask = which == kSmall ? pagemap::kPresent | kNot : pagemap::kWritten;
    scan.return_mask = pagemap::kPresent;
    const long count = raw_call(SYS_ioctl, map_, kPagemapScanCall, reinterpret_cast<long>(&scan));
    told = !failed(count) && scan.walk_end > start;
    for (long i = 0; told && i < count; ++i) function(regions[i].start, regions[i].end, argument);
    start = scan.walk_end;
  }
  return told;
}

}  // namespace loam::sys
