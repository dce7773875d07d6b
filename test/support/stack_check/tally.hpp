// What the processes under the stack checker count into together: the bytes of a file that all of them map.
// Invariant: zero at first; every word is a relaxed atomic.
#pragma once

#include <atomic>
#include <cstdint>

namespace loam::test {

struct Tally {
  using Count = std::atomic<uint64_t>;

  Count processes;
  Count stacks;
  Count frames;
  Count deepest;
  Count mismatches;
  Count longer;  // led on where libgcc knew no more
  Count lost;    // ended where libgcc ended, but not at the outermost frame
  Count described;
  // The memos' own counts.
  Count lookups;
  Count built;
  Count entered;
  Count refused;
  Count forgotten;
  // With LOAM_STACK_TIME.
  Count ticks;
  static constexpr uint64_t kTicksPerBin = 16;
  static constexpr uint64_t kBins = 400;
  Count histogram[kBins];
};

}  // namespace loam::test
