// Whether a new region is worth a huge page on this machine, now. A huge-page fault clears 2 MiB at once: where the
// kernel has them at hand it is three to seven times cheaper a byte than small faults, in a virtual machine whose host
// backs memory lazily it can be several times dearer. So who grows measures both, on its own new regions; what the faults of all
// cost is added up in one credit.
// Locking: the caller of HugePages holds the lock of what grows; the credit is shared by relaxed atomics.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace loam::sys {

// What huge pages have saved so far, in nanoseconds of faults: one dear fault among cheap ones (the host had to find
// memory, somebody else held the processor) is forgiven, a run of dear ones is not.
class HugeCredit {
 public:
  // A huge page cost `huge_ns` and stands for small ones of `small_ns` each. Returns whether the next is worth trying.
  bool account(uint64_t small_ns, uint64_t huge_ns);
  bool is_spent() const { return credit_ns_.load(std::memory_order_relaxed) < 0; }
  // For the next attempt after a run of dear ones.
  void begin_again() { credit_ns_.store(kAgain, std::memory_order_relaxed); }

 private:
  static constexpr int64_t kFirst = 6'000'000;
  static constexpr int64_t kAgain = 1'000'000;
  static constexpr int64_t kMost = 12'000'000;

  std::atomic<int64_t> credit_ns_{kFirst};
};
extern constinit HugeCredit huge_credit;

class HugePages {
 public:
  // Requires: `region` is new, unused and aligned to 2 MiB; `mapped` bytes of regions came before it. Asks the kernel for
  // a huge page there if that pays; touches a little of the region when it has to find out. Returns whether it asked.
  bool advise(char* region, uint64_t mapped);
  // Whether advice for a region below `mapped` bytes of them may touch it whole.
  bool may_touch(uint64_t mapped) const {
    return mapped >= from_ && (verdict_ != Verdict::kDoesNot || mapped >= try_again_at_);
  }
  // From the first region on: for a mode that goes round through much more memory than the program would.
  void begin_early() { from_ = 0; }

  // What a small fault costs, by a few groups of them: their mean, unless one was held up, as by a host that took the processor away for
  // a millisecond. Whoever believed that would take every huge page for cheap, and go on at fifty milliseconds each.
  static constexpr unsigned kSmallGroups = 4;
  static uint64_t small_price(const uint64_t (&groups)[kSmallGroups]);

 private:
  enum class Verdict : uint8_t { kUntried, kMayPay, kDoesNot };

  void give_up(uint64_t until);
  bool try_huge(char* region, uint64_t mapped);

  // Below this much, regions stay on small pages: the last region of a small heap would add up to 2 MiB to it.
  uint64_t from_ = uint64_t{32} << 20;
  Verdict verdict_ = Verdict::kUntried;
  uint64_t small_ns_ = 0;      // a small fault, measured
  uint64_t try_again_at_ = 0;  // bytes mapped
};

}  // namespace loam::sys
