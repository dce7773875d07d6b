// What the leak search asks of a heap: any heap whose blocks lie in spans of equal steps. A struct of functions, since
// this floor knows no heap; whoever starts a search fills one in.
// Requires of the functions: no allocation, no lock that could be held by somebody who does not run.
#pragma once

#include <cstdint>

namespace loam::scan {

// A run of blocks. A large block is a span of one.
struct SpanView {
  uint64_t start;   // of the first slice; of a block outside the window that block
  uint64_t slices;  // 0 outside the window
  uint64_t first;   // address of block 0
  uint64_t step;    // from block to block, at most 64 KiB; 0 if there is only one
  uint64_t bytes;   // from block 0 to where the last one ends
  uint32_t blocks;
  uint32_t class_index;
  bool uniform;        // every block is `step` bytes
  const void* record;  // what the functions below are asked with
};

struct HeapView {
  uint64_t
      window_start;  // aligned to a slice; spans of the window lie in [window_start, + window_slices slices)
  uint64_t window_slices;
  void (*for_each_span)(void (*visit)(const SpanView&, void*), void* argument);
  // One bit for each live block of the 64 from 64 * word on.
  uint64_t (*live_bits)(const void* record, uint64_t word);
  // How many bytes of the block the program knows of. Asked only of spans of several blocks that are not uniform.
  uint64_t (*block_bytes)(const void* record, uint64_t index);
  // The lowest piece of memory that is the heap's, blocks and books, and ends above the address; false if there is none.
  bool (*next_own)(uint64_t address, uint64_t* start, uint64_t* end);
  // The id of the stack that allocated the block, 0 if nobody remembers. May be null.
  uint32_t (*stack_id)(const void* record, uint64_t index, uint64_t block);
};

}  // namespace loam::scan
