#include "scan/huge_repair.hpp"

#include "base/bits.hpp"
#include "meta/page_map.hpp"
#include "sys/kernel.hpp"
#include "sys/resident.hpp"

namespace loam::scan {

namespace {

// So much on small pages is copied in two to four milliseconds.
constexpr uint64_t kFewSmall = uint64_t{48} << 20;

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

bool collapse(uint64_t address, uint64_t bytes) { return sys::join(reinterpret_cast<void*>(address), bytes); }

// In the window may lie memory of others.
bool is_heaps(const HeapView& heap, uint64_t address, uint64_t bytes) {
  uint64_t start = 0;
  uint64_t end = 0;
  return heap.next_own(address, &start, &end) && start <= address && end >= address + bytes;
}

}  // namespace

void HugeRepair::join(const HeapView& heap, uint64_t budget_ns) {
  const uint64_t first = base::align_up(heap.window_start, kHuge);
  const uint64_t end = heap.window_start + heap.window_slices * meta::kSlice;
  if (end < first + kHuge || look(first, end - first).small < kFewSmall) return;
  const uint64_t begin = sys::thread_cpu_ns();
  for (uint64_t at = first; at + kHuge <= end && sys::thread_cpu_ns() - begin < budget_ns; at += kHuge) {
    const Sum now = look(at, kHuge);
    if (now.small == 0 || now.small + now.huge != kHuge || !is_heaps(heap, at, kHuge)) continue;
    if (!collapse(at, kHuge)) continue;
    ++joined_;
  }
}

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
    if (collapse(start_ + i * kHuge, kHuge)) ++restored_;
  }
}

}  // namespace loam::scan
