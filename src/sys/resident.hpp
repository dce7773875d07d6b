// Which pages of this process are in memory: the kernel's count of all, the sizes of each mapping, and single pages.
// Counts what the kernel counts as resident: pages that read as zero and were never written are in no figure here.
// Async-signal-safe, no allocation, no locking; other threads may change what is being measured.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sys/lines.hpp"

namespace loam::sys {

// Resident bytes of the process, exact where the kernel has /proc/self/smaps_rollup (the counter behind the usual VmRSS
// is off by up to 32 pages a processor). 0 if /proc does not tell.
uint64_t resident_bytes();

struct ResidentRun {
  uint64_t start;  // addresses
  uint64_t end;
  bool huge;  // on huge pages; only if tells_huge()
};
using RunVisitor = void (*)(const ResidentRun&, void*);

// Page by page, from /proc/self/pagemap: in one call for many where the kernel has PAGEMAP_SCAN (Linux 6.7), else by
// reading an entry a page. The entries do not tell zero pages, which then count as resident.
class PageScan {
 public:
  PageScan();
  ~PageScan();
  PageScan(const PageScan&) = delete;
  PageScan& operator=(const PageScan&) = delete;

  // Visits the runs of resident pages between two page borders, in order; neighbours may come as several runs.
  // Returns false when the kernel refuses.
  bool scan(uint64_t start, uint64_t end, RunVisitor visit, void* argument);

  // The same for the pages that hold what the process wrote itself: in memory or swapped out, and neither a file's nor shared.
  // Says nothing of huge pages.
  bool scan_written(uint64_t start, uint64_t end, RunVisitor visit, void* argument);

  bool tells_huge() const { return by_call_; }
  // For tests: as on a kernel without PAGEMAP_SCAN.
  void read_entries() { by_call_ = false; }

 private:
  enum class Pages : uint8_t { kResident, kWritten };

  bool scan_for(Pages pages, uint64_t start, uint64_t end, RunVisitor visit, void* argument);
  bool scan_by_call(Pages pages, uint64_t start, uint64_t end, RunVisitor visit, void* argument);
  bool scan_by_entries(Pages pages, uint64_t start, uint64_t end, RunVisitor visit, void* argument);

  long descriptor_;
  bool by_call_;
};

struct MappingSize {
  uint64_t start;
  uint64_t end;
  uint64_t resident;  // bytes
  uint64_t huge;      // of these on huge pages
};

// The mappings of the process in address order, from /proc/self/smaps.
class MappingSizes {
 public:
  bool next(MappingSize* mapping);

 private:
  Lines lines_{"/proc/self/smaps"};
  char line_[128] = {};  // the first line of the next mapping, empty before the first one
};

}  // namespace loam::sys
