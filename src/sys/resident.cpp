#include "sys/resident.hpp"

#include "sys/filter.hpp"
#include "sys/pagemap_scan.hpp"
#include "sys/proc.hpp"
#include "sys/syscall.hpp"

namespace loam::sys {

namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr const char* kPagemap = "/proc/self/pagemap";

constexpr uint64_t kEntryPresent = uint64_t{1} << 63;
constexpr uint64_t kEntrySwapped = uint64_t{1} << 62;
constexpr uint64_t kEntryFile = uint64_t{1} << 61;  // a file's, or shared

constexpr size_t kRegionsAtOnce = 42;
constexpr size_t kEntriesAtOnce = 128;

uint64_t read_number(const char* text) {
  while (*text == ' ') ++text;
  uint64_t value = 0;
  for (; *text >= '0' && *text <= '9'; ++text) value = value * 10 + static_cast<uint64_t>(*text - '0');
  return value;
}

// "Rss:        1234 kB" and the like: bytes if the line begins with `key`.
bool read_kilobytes(const char* line, const char* key, uint64_t* bytes) {
  if (!starts_with(line, key)) return false;
  while (*key != '\0') ++line, ++key;
  *bytes = read_number(line) * 1024;
  return true;
}

}  // namespace

uint64_t resident_bytes() {
  char line[128];
  uint64_t bytes = 0;
  for (Lines lines("/proc/self/smaps_rollup"); lines.next(line, sizeof line);) {
    if (read_kilobytes(line, "Rss:", &bytes)) return bytes;
  }
  if (read_file("/proc/self/statm", line, sizeof line) == 0) return 0;
  const char* at = line;  // "size resident ...", in pages
  while (*at != ' ' && *at != '\0') ++at;
  return read_number(at) * kPageBytes;
}

PageScan::PageScan()
    : descriptor_(raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(kPagemap), O_RDONLY | O_CLOEXEC)),
      // Reading is among the calls that any filter lets pass.
      by_call_(!filters_itself.load(std::memory_order_relaxed)) {}

PageScan::~PageScan() {
  if (descriptor_ >= 0) raw_call(SYS_close, descriptor_);
}

bool PageScan::scan(uint64_t start, uint64_t end, RunVisitor visit, void* argument) {
  return scan_for(Pages::kResident, start, end, visit, argument);
}

bool PageScan::scan_written(uint64_t start, uint64_t end, RunVisitor visit, void* argument) {
  return scan_for(Pages::kWritten, start, end, visit, argument);
}

bool PageScan::scan_for(Pages pages, uint64_t start, uint64_t end, RunVisitor visit, void* argument) {
  if (start >= end) return true;
  if (descriptor_ < 0) return false;
  return by_call_ ? scan_by_call(pages, start, end, visit, argument)
                  : scan_by_entries(pages, start, end, visit, argument);
}

// Turns by_call_ off and goes on entry by entry if the kernel does not know the call.
bool PageScan::scan_by_call(Pages pages, uint64_t start, uint64_t end, RunVisitor visit, void* argument) {
  PagemapRegion regions[kRegionsAtOnce];
  PagemapScan order{};
  order.size = sizeof order;
  order.end = end;
  order.regions = reinterpret_cast<uint64_t>(regions);
  order.region_count = kRegionsAtOnce;
  if (pages == Pages::kResident) {
    order.category_mask = pagemap::kPresent | pagemap::kZeroPage;
    order.category_inverted = pagemap::kZeroPage;
  } else {
    order.category_mask = pagemap::kFile | pagemap::kZeroPage;
    order.category_inverted = pagemap::kFile | pagemap::kZeroPage;
    order.category_any_of = pagemap::kPresent | pagemap::kSwapped;
  }
  order.return_mask = pagemap::kHuge;
  while (start < end) {
    order.start = start;
    const long count = raw_call(SYS_ioctl, descriptor_, kPagemapScanCall, reinterpret_cast<long>(&order));
    if (failed(count)) {
      by_call_ = false;
      return scan_by_entries(pages, start, end, visit, argument);
    }
    for (long i = 0; i < count; ++i)
      visit({regions[i].start, regions[i].end, (regions[i].categories & pagemap::kHuge) != 0}, argument);
    if (order.walk_end <= start) return false;
    start = order.walk_end;
  }
  return true;
}

bool PageScan::scan_by_entries(Pages pages, uint64_t start, uint64_t end, RunVisitor visit, void* argument) {
  uint64_t entries[kEntriesAtOnce] = {};
  const auto wanted_page = [pages](uint64_t entry) {
    if (pages == Pages::kResident) return (entry & kEntryPresent) != 0;
    return (entry & (kEntryPresent | kEntrySwapped)) != 0 && (entry & kEntryFile) == 0;
  };
  while (start < end) {
    const uint64_t left = (end - start) / kPageBytes;
    const uint64_t wanted = (left < kEntriesAtOnce ? left : kEntriesAtOnce) * sizeof entries[0];
    const long got =
        raw_call(SYS_pread64, descriptor_, reinterpret_cast<long>(entries), static_cast<long>(wanted),
                 static_cast<long>(start / kPageBytes * sizeof entries[0]));
    if (got < static_cast<long>(sizeof entries[0])) return false;
    const uint64_t count = static_cast<uint64_t>(got) / sizeof entries[0];
    for (uint64_t i = 0; i < count;) {
      uint64_t run = i;
      while (run < count && wanted_page(entries[run])) ++run;
      if (run > i) visit({start + i * kPageBytes, start + run * kPageBytes, false}, argument);
      i = run + 1;
    }
    start += count * kPageBytes;
  }
  return true;
}

bool MappingSizes::next(MappingSize* mapping) {
  if (line_[0] == '\0' && !lines_.next(line_, sizeof line_)) return false;
  const char* at = line_;
  *mapping = {};
  mapping->start = read_hex(at);
  if (*at == '-') ++at;
  mapping->end = read_hex(at);
  for (;;) {
    if (!lines_.next(line_, sizeof line_)) {
      line_[0] = '\0';
      break;
    }
    if (line_[0] < 'A' || line_[0] > 'Z') break;  // an address: the next mapping
    if (!read_kilobytes(line_, "Rss:", &mapping->resident))
      read_kilobytes(line_, "AnonHugePages:", &mapping->huge);
  }
  return mapping->end > mapping->start;
}

}  // namespace loam::sys
