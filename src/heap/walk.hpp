// The heap walk: every span, and figures over all of them, read at the moment of asking. Nothing is counted while the
// program runs.
// Locking: none. Under running threads the figures are those of a moment that may be smeared; a snapshot is exact.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heap/span.hpp"

namespace loam::heap {

// Visits each span of the window, in address order.
void for_each_span(void (*visit)(Span&, void*), void* argument);

struct ClassFigures {
  uint64_t spans;
  uint64_t live_blocks;
  uint64_t free_blocks;
};

struct Figures {
  ClassFigures classes[kClasses];
  uint64_t large_blocks;
  uint64_t large_bytes;
  uint64_t outside_blocks;
  uint64_t outside_bytes;
  uint64_t live_blocks;         // all together
  uint64_t live_bytes;          // usable
  uint64_t free_in_span_bytes;  // free blocks of spans, and what the blocks leave over
  uint64_t span_bytes;
  uint64_t dirty_bytes;     // free slices that are still resident
  uint64_t mapped_bytes;    // regions and outside blocks
  uint64_t metadata_bytes;  // used records and tables
  uint64_t advised_bytes;   // in regions on huge pages
  uint64_t heaps;
  uint64_t threads_seen;
  const void* highest_block;  // start of the live block with the highest address in the window
};

// Returns false if the blocks outside the window could not be visited (see for_each_outside).
bool measure(Figures* figures);

// Checks every invariant that can be checked while the caller is alone or others are between calls. Returns null, or
// a sentence that says what is wrong.
const char* verify();

}  // namespace loam::heap
