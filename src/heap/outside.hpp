// Blocks that do not fit into the window of regions: above 64 MiB, or when the window cannot grow. Each is a mapping
// of its own, found through a sorted table.
// Locking: one lock around the table; never held around mmap or munmap.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sys/lock.hpp"

namespace loam::heap {

struct OutsideBlock {
  char* block;
  size_t bytes;  // usable, a multiple of the page size
  char* mapping;
  size_t mapped;
};

void* allocate_outside(size_t bytes, size_t alignment, bool* zero);
// Returns false if no such block starts there.
bool release_outside(void* block);
// Moves pages, copies none. Returns the block's new address, or null, with the old block intact.
void* resize_outside(void* block, size_t new_bytes);
// The block that the address lies in. Returns false if it is in none.
bool find_outside(const void* address, OutsideBlock* found);
// Visits all blocks; the visitor must not allocate. Returns false, having visited none, if the lock cannot be had in a
// while: who looks at the heap from beside it must not wait for a holder that never goes on.
bool for_each_outside(void (*visit)(const OutsideBlock&, void*), void* argument);

struct OutsideTable {
  const void* start;  // null before the first block
  uint64_t bytes;
};

// The first block whose mapping ends above the address (with found->block null if there is none), and where the table
// itself lies. Return false as above.
bool next_outside(const void* address, OutsideBlock* found);
bool locate_outside_table(OutsideTable* where);

uint64_t outside_bytes();
sys::Lock& outside_lock();

}  // namespace loam::heap
