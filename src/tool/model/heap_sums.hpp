// What a program allocated from first to last, in numbers: of the whole heap, and of each stack. One reading of the events; memory
// for the blocks that live at once and for the stacks.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "tool/model/heap_events.hpp"
#include "tool/model/report_book.hpp"

namespace loam::tool {

struct HeapSums {
  std::uint64_t allocations = 0;
  std::uint64_t bytes = 0;       // allocated
  std::uint64_t peak_bytes = 0;  // live when the whole heap was largest
  std::uint64_t peak_blocks = 0;
  std::uint64_t live_bytes = 0;  // at the end
  std::uint64_t live_blocks = 0;
  std::uint64_t temporary = 0;  // freed before their thread allocated again
  std::uint64_t temporary_bytes = 0;

  HeapSums& operator+=(const HeapSums& more);
  friend bool operator==(const HeapSums&, const HeapSums&) = default;
};

struct RecordingSums {
  HeapSums whole;
  std::map<std::uint32_t, HeapSums> stacks;
  SizeSums sizes;
  std::uint64_t events = 0;
};

// Reads the events from the beginning to the end.
RecordingSums sum_up(HeapEvents& events);

}  // namespace loam::tool
