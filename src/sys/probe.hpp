// Whether memory can be read, asked of the kernel instead of tried: for addresses that were computed from what may be garbage.
// Async-signal-safe, keeps errno, changes nothing; about 100 ns. The answer holds until somebody unmaps the page.
#pragma once

#include <cstdint>

#include "sys/syscall.hpp"

namespace loam::sys {

// Whether the 8 bytes at the address can be read; of the zero page, that they can't. The kernel copies the new signal mask before it looks at the (invalid) request,
// so the call fails in any case, with EFAULT if and only if the copy did.
inline bool readable(uint64_t address) {
  constexpr long kNoSuchRequest = 0x7fffffff;
  constexpr long kBadAddress = -14;
  constexpr uint64_t kZeroPage = 4096;  // and null would mean: no mask
  return address >= kZeroPage &&
         raw_call(SYS_rt_sigprocmask, kNoSuchRequest, static_cast<long>(address), 0, 8) != kBadAddress;
}

}  // namespace loam::sys
