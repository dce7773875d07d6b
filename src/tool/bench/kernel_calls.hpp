// Runs a program under ptrace and counts its calls of the kernel that move memory, between two marks that it sets itself
// (format/operations.hpp). A filter stops it at these calls alone, so that the others cost nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tool/model/allocator_replay.hpp"

namespace loam::tool::bench {

struct Traced {
  std::optional<KernelCalls> calls;
  std::string reason;   // why there are none
  int wait_status = 0;  // of the program
};

// `become` runs in the child and does not return.
Traced count_kernel_calls(const std::function<void()>& become);

}  // namespace loam::tool::bench
