#include "scan/residency.hpp"

#include "base/bits.hpp"
#include "meta/page_map.hpp"

namespace loam::scan {

namespace {

constexpr uint64_t kPage = 4096;

uint64_t lower(uint64_t a, uint64_t b) { return a < b ? a : b; }

struct Sum {
  uint64_t start;
  uint64_t end;
  uint64_t bytes;
};

void sum_run(const sys::ResidentRun& run, void* argument) {
  auto& sum = *static_cast<Sum*>(argument);
  const uint64_t start = run.start > sum.start ? run.start : sum.start;
  const uint64_t end = lower(run.end, sum.end);
  if (start < end) sum.bytes += end - start;
}

}  // namespace

void Residency::add_run(const sys::ResidentRun& run, void* argument) {
  auto& self = *static_cast<Residency*>(argument);
  for (uint64_t at = run.start; at < run.end; at += kPage) {
    const uint64_t page = (at - self.start_) / kPage;
    self.pages_[page / 64] |= uint64_t{1} << (page % 64);
  }
}

bool Residency::read(const HeapView& heap, Scratch& scratch) {
  start_ = heap.window_start;
  end_ = start_ + heap.window_slices * meta::kSlice;
  pages_ = scratch.take<uint64_t>((end_ - start_) / kPage / 64 + 1);
  return pages_ != nullptr && scan_.scan(start_, end_, add_run, this);
}

uint64_t Residency::bytes(uint64_t start, uint64_t end) {
  if (pages_ == nullptr || !inside(start)) {
    Sum sum{start, end, 0};
    scan_.scan(base::align_down(start, kPage), base::align_up(end, kPage), sum_run, &sum);
    return sum.bytes;
  }
  uint64_t bytes = 0;
  for (uint64_t at = start; at < end;) {
    const uint64_t next = lower(base::align_down(at, kPage) + kPage, end);
    const uint64_t page = (at - start_) / kPage;
    if (((pages_[page / 64] >> (page % 64)) & 1) != 0) bytes += next - at;
    at = next;
  }
  return bytes;
}

}  // namespace loam::scan
