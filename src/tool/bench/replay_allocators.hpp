// A recording's operations under real allocators: each in processes of its own, in rounds that take turns, then once more under trace.
#pragma once

#include <string>
#include <vector>

#include "tool/bench/allocators.hpp"
#include "tool/model/allocator_replay.hpp"
#include "tool/model/operation_file.hpp"

namespace loam::tool::bench {

struct ReplayRun {
  int rounds = 3;
  double speed = 0;  // 0: as fast as possible; 1: at the recorded times
};

// Throws Failure when the executor is missing or fails, or when another library served malloc.
std::vector<AllocatorReplay> replay_allocators(const OperationFile& file,
                                               const std::vector<Allocator>& allocators,
                                               const ReplayRun& run);

}  // namespace loam::tool::bench
