// Which allocations are worth a guard page, and which a place in the page tier: decided by call site, so that cold code, where
// the defects are, is watched most closely. The first of each site are guarded, then at the powers of two and one in `rate`;
// sites are looked at afresh now and then. All within a budget that grows with the number of blocks. The page tier gets the
// first kPaged of each site, then kPagedRun in a row now and then.
// Invariant: two sites that share an entry are guarded less often, never more. State is valid when zero.
// Locking: none; the counts are relaxed atomics.
#pragma once

#include <atomic>
#include <cstdint>

#include "check/record.hpp"

namespace loam::check {

class Sites {
 public:
  void set(uint64_t first, uint64_t rate) {
    first_ = rate == 1 ? UINT64_MAX : first;
    // Rates above 2^32 are none: no site counts as far.
    inverse_ = rate <= 1 || rate > UINT32_MAX ? 0 : UINT64_MAX / rate + 1;
  }

  static constexpr uint32_t kPaged = 1024;
  static constexpr uint32_t kPagedRun = 64;
  static constexpr uint32_t kPagedEvery = 2048;

  // Counts an allocation of this site. Returns how many came before it.
  uint32_t count(StackId site) {
    std::atomic<uint32_t>& entry = counts_[(site * 0x9e3779b1u) >> (32 - kLog)];
    const uint32_t count = entry.load(std::memory_order_relaxed);
    entry.store(count + 1, std::memory_order_relaxed);
    return count;
  }

  // Whether the allocation after so many of its site is to be guarded, as far as the site goes.
  bool guards(uint32_t count) const {
    if (count < first_) return true;
    return inverse_ != 0 && ((count & (count - 1)) == 0 || is_multiple(count));
  }

  // Whether it is one for the page tier.
  static bool pages(uint32_t count) { return count < kPaged || count % kPagedEvery < kPagedRun; }

  // The next one of each site is guarded again.
  void rearm() {
    for (std::atomic<uint32_t>& entry : counts_) {
      if (entry.load(std::memory_order_relaxed) >= first_ && first_ > 0)
        entry.store(static_cast<uint32_t>(first_ - 1), std::memory_order_relaxed);
    }
  }

 private:
  // Of the rate; without a division (Lemire, Kaser, Kurz: Faster remainder by direct computation, 2019).
  bool is_multiple(uint32_t count) const { return inverse_ * count < inverse_; }

  static constexpr unsigned kLog = 14;
  uint64_t first_ = 0;
  uint64_t inverse_ = 0;  // of the rate, times 2^64, rounded up; 0: no rate
  std::atomic<uint32_t> counts_[1u << kLog] = {};
};

}  // namespace loam::check
