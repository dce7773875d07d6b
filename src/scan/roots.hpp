// Where the program can take a pointer from: its threads' registers and stacks, thread-local storage, data of all modules, and
// whatever else it has written to that is not the heap's. (Thread-local storage needs no care of its own: the static part
// lies at the upper end of a thread's stack, from where the dynamic part is reached.)
//
// Only pages that hold something are read: private ones that were written, shared ones that are in memory. Never: the heap's
// own memory, the search's own, devices.
// Owns nothing but what it took from the scratch. Locking: none; the process stands still.
#pragma once

#include <cstdint>

#include "scan/heap_view.hpp"
#include "scan/mapping_list.hpp"
#include "scan/readable.hpp"
#include "scan/root_sink.hpp"
#include "scan/stacks.hpp"
#include "scan/stop.hpp"

namespace loam::scan {

struct RootFigures {
  uint64_t stack_bytes;
  uint64_t data_bytes;  // everything else
  uint64_t registers;
  uint64_t unknown_registers;  // of threads that wait in the kernel or do not answer
  uint64_t shared_bytes;       // of data_bytes
  unsigned ended_stacks;
  unsigned devices;  // mappings that were left out
};

class Roots {
 public:
  // A piece of memory that is no root beside what the heap names as its own.
  void leave_out(uint64_t start, uint64_t end);

  // Frames that nobody comes back to, since the thread is in exit(): they hold a pointer only weakly.
  void weaken(uint64_t start, uint64_t end) { weak_ = {start, end}; }

  // Reads the mappings. Returns false when that cannot be done.
  bool prepare(Scratch& scratch, const HeapView& heap, const Stop& stop, uint64_t first_block);

  // What certainly may hold a pointer in use.
  void mark(RootSink& sink);
  // What holds one only if the compiler keeps it nowhere else: what Registers calls weak, and weakened frames.
  void mark_weak(RootSink& sink);

  // Tells which parts of the heap cannot be read.
  bool find_unreadable(Scratch& scratch, Readable& readable) const;

  const RootFigures& figures() const { return figures_; }

 private:
  static constexpr unsigned kMostLeftOut = 40;

  void mark_registers(RootSink& sink);
  void mark_mapping(RootSink& sink, const Mapping& mapping, Stacks& stacks);
  // The first piece of memory in [start, end) that is no root.
  bool next_hole(uint64_t start, uint64_t end, uint64_t* hole_start, uint64_t* hole_end) const;
  void read(RootSink& sink, const Mapping& mapping, uint64_t start, uint64_t end);
  void mark_foreign_stacks(RootSink& sink);

  const HeapView* heap_ = nullptr;
  const Stop* stop_ = nullptr;
  uint64_t first_block_ = 0;
  MappingList mappings_;
  unsigned left_out_count_ = 0;
  DeadPart left_out_[kMostLeftOut] = {};
  const DeadPart* dead_ = nullptr;  // of the mapping at hand
  unsigned dead_count_ = 0;
  DeadPart weak_ = {};
  RootFigures figures_ = {};
  sys::PageScan scan_;
};

}  // namespace loam::scan
