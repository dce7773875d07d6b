// heap::find: what any 64-bit word points to. The one map that leak search, collection, diagnosis and the heap walk
// read. Constant time, no fault, no lock inside the window; blocks outside it cost a binary search under a lock.
#pragma once

#include <cstddef>

#include "heap/span.hpp"

namespace loam::heap {

enum class Where : uint8_t {
  kNowhere,    // not the heap's
  kLive,       // in a live block
  kFreeBlock,  // in a free block of a span
  kRest,       // in what a span has left over: in front of small blocks, behind a large one
  kFreeSpan,   // in slices that belong to no span
};

struct Found {
  Where where;
  Span* span;   // null for blocks outside the window
  char* block;  // start, for kLive and kFreeBlock
  size_t size;  // usable bytes of the block; of retired spans the size their blocks had
};

Found find(const void* word);

// Usable bytes of a live block, 0 for anything else.
inline size_t find_size(const void* block) {
  const Found found = find(block);
  return found.where == Where::kLive ? found.size : 0;
}

}  // namespace loam::heap
