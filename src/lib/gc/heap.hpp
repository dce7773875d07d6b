// What the collector knows of itself: its lock, settings, figures. One collected heap a process.
// Locking: everything here under `lock`, unless it says otherwise; settings may be read without it.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/size_class.hpp"
#include "sys/lock.hpp"

namespace loam::collector {

// Pauses by length: entry i counts those of 2^i to 2^(i+1) microseconds; entry 0 all shorter ones.
constexpr unsigned kPauseSteps = 24;

struct Figures {
  uint64_t collections;
  uint64_t young_collections;       // of those: of young objects only
  uint64_t concurrent_collections;  // of those: marked while the program ran
  uint64_t allocated_bytes;         // handed to threads' buffers and as large objects, since the start
  uint64_t allocated_before;        // the same at the end of the last collection
  uint64_t reclaimed_bytes;         // since the start, by collections
  uint64_t freed_bytes;             // by the program
  uint64_t freed_before;            // at the end of the last collection
  uint64_t live_bytes;              // at the end of the last collection
  uint64_t live_objects;
  uint64_t most_live_bytes;
  uint64_t joined_pages;    // huge ones, made again of small ones
  uint64_t marked_objects;  // by the last collection
  uint64_t mark_ns;         // of the last collection
  uint64_t object_ns;       // what marking one took with the world stopped, when that was told last
  // By the last one of young objects: how many were marked, of how many bytes allocated; and how many bytes of old pages were read
  // by the last one that stopped the world (beside the program those of new objects are read as well).
  uint64_t young_marked;
  uint64_t young_allocated;
  uint64_t young_read;
  uint64_t total_pause_ns;
  uint64_t longest_pause_ns;
  uint64_t pauses[kPauseSteps];
};

struct Settings {
  uint64_t every;             // collect after so many allocations, 0: by growth alone
  uint64_t growth_percent;    // of the live bytes, that are allocated before the next collection
  uint64_t least_growth;      // bytes
  uint64_t generations_from;  // bytes: with less live every collection looks at everything
  uint64_t
      concurrent_from;  // objects: if fewer are expected to be marked, it is done while the world stands still
  bool generations;     // whether there are collections of young objects
  bool concurrent;      // whether what takes long is marked while the program runs
  unsigned markers;     // threads that mark; 0: two if there are two processors
  unsigned disabled;    // how often disabled and not yet enabled
  bool print_statistics;  // at exit
  bool find_leaks;
  bool finalize_on_demand;
};

struct Heap {
  sys::Lock lock;
  std::atomic<bool> started{false};
  Settings settings = {};
  Figures figures = {};
  // Where a program may forbid collections by writing to a variable; null: nowhere.
  const int* forbidden = nullptr;
  uint64_t allocations = 0;  // counted only while settings.every is set
};

extern constinit Heap heap;

// Once, by whoever comes first; reads the environment. Returns false without memory.
bool start();

// Object sizes are known to the figures when a thread takes room for several: so these are upper bounds.
inline uint64_t allocated_since_collection() {
  return heap.figures.allocated_bytes - heap.figures.allocated_before;
}

void count_pause(uint64_t nanoseconds);
// On standard error.
void print_statistics();

}  // namespace loam::collector
