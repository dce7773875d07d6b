#include "scan/huge_repair.hpp"

#include "base/bits.hpp"
#include "meta/page_map.hpp"
#include "sys/resident.hpp"
#include "sys/syscall.hpp"

namespace loam::scan {

namespace {

constexpr long kCollapse = 25;  // MADV_COLLAPSE, Linux 6.1

struct Sum {
  uint64_t huge;
  uint64_t small;
};

void add_run(const sys::ResidentRun& run, void* argument) {
  auto& sum = *static_cast<Sum*>(argument);
  (run.huge ? sum.huge : sum.small) += run.end - run.start;
}

Sum look(uint64_t address, uint64_t bytes) {
  Sum sum{0, 0};
  sys::PageScan scan;
  if (!scan.scan(address, address + bytes, add_run, &sum) || !scan.tells_huge()) return {0, 0};
  return sum;
}

}  // namespace

void HugeRepair::remember(const HeapView& heap, Scratch& scratch) {
  start_ = base::align_up(heap.window_start, kHuge);
  const uint64_t end = heap.window_start + heap.window_slices * meta::kSlice;
  if (end <= start_ || look(start_, end - start_).huge == 0) return;
  count_ = (end - start_) / kHuge;
  was_huge_ = scratch.take<uint8_t>(count_);
  if (was_huge_ == nullptr) count_ = 0;
  for (uint64_t i = 0; i < count_; ++i) {
    was_huge_[i] = look(start_ + i * kHuge, kHuge).huge == kHuge ? 1 : 0;
    before_ += was_huge_[i];
  }
}

void HugeRepair::repair() {
  for (uint64_t i = 0; i < count_; ++i) {
    if (was_huge_[i] == 0) continue;
    const Sum now = look(start_ + i * kHuge, kHuge);
    if (now.huge == kHuge) continue;
    ++broken_;
    if (now.small < kHuge / 2) continue;
    const long done = sys::raw_call(SYS_madvise, static_cast<long>(start_ + i * kHuge),
                                    static_cast<long>(kHuge), kCollapse);
    if (!sys::failed(done)) ++restored_;
  }
}

}  // namespace loam::scan
