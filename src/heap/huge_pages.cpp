#include "heap/huge_pages.hpp"

#include "sys/kernel.hpp"

namespace loam::heap {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;
constexpr unsigned kSmallFaults = 16;
// A huge page must cost less than this part of the small faults that it replaces: not all of it will be touched.
constexpr uint64_t kWorthPart = 2;

// Processor time, so that being preempted does not count.
uint64_t touch_ns(char* start, unsigned pages) {
  const uint64_t begin = sys::thread_cpu_ns();
  for (unsigned i = 0; i < pages; ++i) *reinterpret_cast<volatile char*>(start + i * kPage) = 0;
  return sys::thread_cpu_ns() - begin;
}

// How much the heap grows before a kernel whose huge pages were dear is asked again.
constexpr uint64_t kAgainAt = 2;

}  // namespace

bool HugeCredit::account(uint64_t small_ns, uint64_t huge_ns) {
  const auto worth = static_cast<int64_t>(small_ns * (kHugePage / kPage) / kWorthPart);
  credit_ns_ += worth - static_cast<int64_t>(huge_ns);
  if (credit_ns_ > kMost) credit_ns_ = kMost;
  return credit_ns_ >= 0;
}

bool HugePages::try_huge(char* region, uint64_t mapped) {
  if (!sys::advise_huge(region, kHugePage, true)) {
    verdict_ = Verdict::kDoesNot;
    try_again_at_ = ~uint64_t{0};  // a kernel without them will not get any
    return false;
  }
  if (credit_.account(small_ns_, touch_ns(region, 1))) return true;
  verdict_ = Verdict::kDoesNot;
  try_again_at_ = mapped * kAgainAt;
  credit_.begin_again();
  sys::advise_huge(region, kHugePage, false);  // so that its mapping stays one with its neighbours'
  return false;
}

bool HugePages::advise(char* region, uint64_t mapped) {
  if (mapped < from_) return false;
  if (verdict_ == Verdict::kDoesNot && mapped >= try_again_at_) verdict_ = Verdict::kUntried;
  switch (verdict_) {
    case Verdict::kUntried:
      small_ns_ = touch_ns(region, kSmallFaults) / kSmallFaults;
      verdict_ = Verdict::kMayPay;
      return false;
    case Verdict::kMayPay:
      // Each one is measured: the first huge pages that a kernel hands out may be warm, and the next cost ten times that.
      return try_huge(region, mapped);
    case Verdict::kDoesNot:
      break;
  }
  return false;
}

}  // namespace loam::heap
