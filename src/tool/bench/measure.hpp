// One run of one row under one malloc: its cost, and the proof of who served it.
//
// Invariant: a Sample is returned only for a run that succeeded with the status it should have; a workload's sample also
// only if the library that the workload names is the contestant's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tool/bench/allocators.hpp"
#include "tool/bench/rows.hpp"

namespace loam::tool::bench {

struct Sample {
  double wall = 0;
  double cpu = 0;  // user and system seconds of the process and of the children that it waited for
  double peak_rss_kib = 0;
  double minor_faults = 0;
  double major_faults = 0;
  std::optional<double> cycles;
  std::optional<double> throughput;
  std::string cycles_reason;      // why there are no cycles
  std::uint64_t output_hash = 0;  // of standard output; 0 where the output is not fixed
};

// Throws Failure (status 1) when the run fails.
Sample measure(const Row& row, const Allocator& allocator, const Places& places);

// Peak RSS of a program that does nothing, in KiB.
double measure_nothing(const Allocator& allocator, const Places& places);

// Starts the row's program with the dynamic linker's own record of its bindings switched on, and ends it as soon as the
// linker hands over: malloc, free, calloc and realloc of every object of the process must be bound to the contestant's
// library. Throws Failure (status 1) otherwise. Workloads prove it in each run instead.
void prove(const Row& row, const Allocator& allocator, const Places& places);

}  // namespace loam::tool::bench
