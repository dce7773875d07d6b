// How much more memory this process may take before its control group or the machine is at its limit.
// Async-signal-safe, no allocation, no locking.
#pragma once

#include <cstdint>

namespace loam::sys {

struct MemoryRoom {
  uint64_t limit;      // of the tightest control group, ~0 if none has one
  uint64_t used;       // of what that group is charged, without what the kernel can drop at once
  uint64_t available;  // on the machine
  uint64_t room() const {
    const uint64_t inside = limit == ~uint64_t{0} ? limit : limit > used ? limit - used : 0;
    return inside < available ? inside : available;
  }
};

MemoryRoom memory_room();

}  // namespace loam::sys
