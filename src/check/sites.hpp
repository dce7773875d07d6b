// Which allocations are worth a guard page: decided by call site, so that cold code, where the defects are, is guarded whole.
// The first of each site, then at the powers of two and one in `rate`; sites are looked at afresh now and then. All
// within a budget that grows with the number of blocks.
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
    first_ = first;
    rate_ = rate;
  }

  // Whether an allocation of this site is to be guarded, as far as the site goes.
  bool wants(StackId site) {
    std::atomic<uint32_t>& entry = counts_[(site * 0x9e3779b1u) >> (32 - kLog)];
    const uint32_t count = entry.load(std::memory_order_relaxed);
    entry.store(count + 1, std::memory_order_relaxed);
    if (count < first_) return true;
    return rate_ != 0 && ((count & (count - 1)) == 0 || count % rate_ == 0);
  }

  // The next one of each site is guarded again.
  void rearm() {
    for (std::atomic<uint32_t>& entry : counts_) {
      if (entry.load(std::memory_order_relaxed) >= first_ && first_ > 0)
        entry.store(static_cast<uint32_t>(first_ - 1), std::memory_order_relaxed);
    }
  }

 private:
  static constexpr unsigned kLog = 14;
  uint64_t first_ = 0;
  uint64_t rate_ = 0;
  std::atomic<uint32_t> counts_[1u << kLog] = {};
};

}  // namespace loam::check
