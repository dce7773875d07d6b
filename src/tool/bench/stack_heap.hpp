// What a local array, alloca, an arena and malloc cost for the same object: the figures of loam-stack-heap under each contestant.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tool/bench/allocators.hpp"
#include "tool/bench/rows.hpp"

namespace loam::tool::bench {

struct StackHeapCell {
  std::string placement;  // array, alloca, arena, malloc
  std::string lifetime;   // call, nested, outliving
  std::uint64_t size = 0;
  std::string reason;  // why there are no figures; empty when there are
  double nanoseconds = 0;
  double minor_faults = 0;  // for each thousand objects, as the next two
  double kernel_calls = 0;
  std::optional<double> stride;  // bytes from one object to the next; only where there are several at a time
  std::optional<double> cache_misses;
  std::string cache_reason;
};

struct StackHeap {
  std::vector<std::string> contestants;
  std::vector<std::vector<StackHeapCell>> cells;  // for each contestant, in the same order
};

StackHeap run_stack_heap(const std::vector<Allocator>& allocators, const Places& places);

}  // namespace loam::tool::bench
