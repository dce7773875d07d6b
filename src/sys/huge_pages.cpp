#include "sys/huge_pages.hpp"

#include "sys/kernel.hpp"

namespace loam::sys {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;
constexpr unsigned kSmallFaults = 16 / HugePages::kSmallGroups;  // at a time
// A huge page must cost less than this part of the small faults that it replaces: not all of it will be touched.
constexpr uint64_t kWorthPart = 2;

// Processor time, so that being preempted does not count.
uint64_t touch_ns(char* start, unsigned pages) {
  const uint64_t begin = thread_cpu_ns();
  for (unsigned i = 0; i < pages; ++i) *reinterpret_cast<volatile char*>(start + i * kPage) = 0;
  return thread_cpu_ns() - begin;
}

uint64_t measure_small(char* start) {
  uint64_t groups[HugePages::kSmallGroups];
  for (uint64_t& group : groups) {
    group = touch_ns(start, kSmallFaults) / kSmallFaults;
    start += kSmallFaults * kPage;
  }
  return HugePages::small_price(groups);
}

// By how much what grows has to grow before a kernel whose huge pages were dear is asked again: twofold, but not by less.
constexpr uint64_t kLeastGrowth = uint64_t{64} << 20;

uint64_t next_attempt(uint64_t mapped) { return mapped + (mapped > kLeastGrowth ? mapped : kLeastGrowth); }

}  // namespace

constinit HugeCredit huge_credit;

bool HugeCredit::account(uint64_t small_ns, uint64_t huge_ns) {
  const auto worth = static_cast<int64_t>(small_ns * (kHugePage / kPage) / kWorthPart);
  // Two that account at once may lose one of the two: the next fault tells again.
  int64_t credit = credit_ns_.load(std::memory_order_relaxed) + worth - static_cast<int64_t>(huge_ns);
  if (credit > kMost) credit = kMost;
  credit_ns_.store(credit, std::memory_order_relaxed);
  return credit >= 0;
}

uint64_t HugePages::small_price(const uint64_t (&groups)[kSmallGroups]) {
  uint64_t sum = 0;
  uint64_t least = groups[0];
  for (uint64_t group : groups) {
    sum += group;
    if (group < least) least = group;
  }
  const uint64_t mean = sum / kSmallGroups;
  return mean < 2 * least ? mean : 2 * least;
}

void HugePages::give_up(uint64_t until) {
  verdict_ = Verdict::kDoesNot;
  try_again_at_ = until;
}

bool HugePages::try_huge(char* region, uint64_t mapped) {
  if (!advise_huge(region, kHugePage, true)) {
    give_up(~uint64_t{0});  // a kernel without them will not get any
    return false;
  }
  if (huge_credit.account(small_ns_, touch_ns(region, 1))) return true;
  give_up(next_attempt(mapped));
  advise_huge(region, kHugePage, false);  // so that its mapping stays one with its neighbours'
  return false;
}

bool HugePages::advise(char* region, uint64_t mapped) {
  if (mapped < from_) return false;
  if (verdict_ == Verdict::kDoesNot && mapped >= try_again_at_) {
    verdict_ = Verdict::kUntried;
    huge_credit.begin_again();
  }
  switch (verdict_) {
    case Verdict::kUntried:
      small_ns_ = measure_small(region);
      verdict_ = Verdict::kMayPay;
      return false;
    case Verdict::kMayPay:
      // Others have found them dear.
      if (huge_credit.is_spent()) {
        give_up(next_attempt(mapped));
        return false;
      }
      // Each one is measured: the first huge pages that a kernel hands out may be warm, and the next cost ten times that.
      return try_huge(region, mapped);
    case Verdict::kDoesNot:
      break;
  }
  return false;
}

}  // namespace loam::sys
