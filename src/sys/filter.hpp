// Whether the kernel filters the system calls of this process (seccomp), so that one which a malloc does not usually make may fail,
// or end it. No locking.
#pragma once

#include <sys/prctl.h>

#include <atomic>

#include "sys/syscall.hpp"

namespace loam::sys {

// Set when the program is seen to install a filter of its own, made for the calls that it knows of.
inline constinit std::atomic<bool> filters_itself{false};

// Also a filter that came with the process, as in a container.
inline bool is_filtered() {
  return filters_itself.load(std::memory_order_relaxed) || raw_call(SYS_prctl, PR_GET_SECCOMP) != 0;
}

}  // namespace loam::sys
