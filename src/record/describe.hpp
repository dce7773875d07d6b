// What a stack id and a module id mean, in the form that leaves the process (format/stacks.hpp).
// Locking: none; async-signal-safe.
#pragma once

#include "format/stacks.hpp"

namespace loam::record {

constexpr uint32_t kMostFrames = 128;

struct DescribedStack {
  format::StackRecord record;
  uint64_t frames[kMostFrames];
};

void describe_stack(uint32_t stack, DescribedStack* out);
// *path lives as long as the process. False: no such module.
bool describe_module(uint32_t id, format::ModuleRecord* record, const char** path);

}  // namespace loam::record
