// Which addresses are the heap's, and what its resident pages hold, counted page by page and split by bytes where a page
// holds several things.
// Locking: none for the window and the metadata; the table of outside blocks is asked under its lock, with bounded
// patience. Under running threads the figures are smeared over the time of the count.
#pragma once

#include <cstdint>

#include "heap/size_class.hpp"
#include "sys/resident.hpp"

namespace loam::heap {

enum class ExtentKind : uint8_t {
  kNone,
  kWindow,    // regions
  kOutside,   // a block with a mapping of its own
  kMetadata,  // chunks of the arena, the page map, the tables
};

struct Extent {
  uint64_t start;
  uint64_t end;
  ExtentKind kind;
  uint64_t live_start;  // kOutside: where the block lies in its mapping
  uint64_t live_end;
};

// The lowest extent of the heap that ends above the address; its kind is kNone when there is none. Returns false if the
// table of outside blocks cannot be had. Extents of one kind may touch.
bool next_extent(uint64_t address, Extent* extent);

// Bytes of resident pages.
struct Footprint {
  uint64_t live;          // in live blocks
  uint64_t free_in_span;  // in the rest of spans that are in use
  uint64_t cache;         // in slices of no span
  uint64_t metadata;
  uint64_t huge;      // of all these on huge pages; only if the scan tells
  uint64_t stranded;  // of free_in_span: on pages that hold a part of a live block too, and so cannot go back
  uint64_t class_free[kClasses];      // of free_in_span, by size class
  uint64_t class_stranded[kClasses];  // of stranded
};

// Adds what is resident of the extent. Returns false when the kernel does not tell.
bool add_resident(sys::PageScan& scan, const Extent& extent, Footprint* footprint);

}  // namespace loam::heap
