// A program's whole heap under one placement policy: one region from one page source. The algorithms are those of
// include/loam/detail/policy_region.hpp, which programs and replay use as well; here are the region's memory and its lock.
//
// Invariant: nothing of ours lies in the region; what is known of its blocks lies outside, so that a double or an invalid free
// is told for sure. Locking: one lock around everything. A signal handler that interrupted its holder gets no memory here
// (kBusy), and what it frees waits in a list until somebody holds the lock again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sys/lock.hpp"
#include "sys/source.hpp"

namespace loam::policy {

struct Settings {
  unsigned kind;  // index into loam::detail::policy_names
  sys::SourceKind source;
  const char* source_path;
  size_t header;
};

// Requires: called once. False when there is no memory, or no file.
bool open(const Settings& settings);

enum class Outcome : uint8_t { kDone, kNoMemory, kBusy };

struct Allocated {
  Outcome outcome;
  void* block;
};
Allocated allocate(size_t size, size_t alignment);

struct Place {
  void* block;   // null: the address lies in no block of the region
  size_t bytes;  // usable
  bool live;
};
// Any address at all.
Place find(const void* address);

// Frees the block, or tells what lies there instead of a live block's start. Of an address outside the region: {null, 0, false},
// with kNoMemory as outcome.
struct Released {
  Outcome outcome;  // kBusy: it waits
  Place place;
};
Released release(void* block);

enum class Resized : uint8_t { kInPlace, kMustMove };
Resized resize(void* block, size_t size);

struct Figures {
  uint64_t allocations;
  uint64_t releases;
  uint64_t live_blocks;
  uint64_t region_bytes;
  uint64_t peak_bytes;
  uint64_t free_bytes;
  uint64_t free_blocks;
  uint64_t searches;
  uint64_t steps;
  uint64_t splits;
  uint64_t merges;
  uint64_t grows;
  uint64_t shrinks;
  uint64_t table_bytes;
};
Figures figures();

sys::Lock& lock();

}  // namespace loam::policy
