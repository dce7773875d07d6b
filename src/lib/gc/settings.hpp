// What the environment says to the collector: LOAM_GC=name=value:name=value, and those of bdwgc's own variables that set the same.
// Reads the environment only; no state, no locking.
#pragma once

#include <cstdint>

#include "lib/gc/heap.hpp"

namespace loam::collector {

// Fills in what nothing is said of. Unknown names are told on standard error and do nothing.
void read_settings(Settings& settings, unsigned processors);
uint64_t initial_bytes();
uint64_t initial_limit();

// A number with k, m or g behind it. Returns false if it is none.
bool read_number(const char* text, const char* end, uint64_t* number);

}  // namespace loam::collector
