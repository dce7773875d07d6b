// The mappings of the process as the search for roots needs them, read once.
// Owns nothing but what it took from the scratch. Locking: none; the process stands still.
#pragma once

#include <cstdint>

#include "scan/scratch.hpp"

namespace loam::scan {

struct Mapping {
  uint64_t start;
  uint64_t end;
  bool readable;
  bool writable;
  bool executable;
  bool shared;
  bool nameless;    // anonymous
  bool main_stack;  // where the kernel put the first thread's
  bool device;      // reading it may have effects
  bool guarded;     // what lies directly below may not be touched, as below a thread's stack
};

class MappingList {
 public:
  // Returns false when /proc does not tell, or there is no memory.
  bool read(Scratch& scratch);

  uint64_t count() const { return count_; }
  const Mapping& at(uint64_t index) const { return mappings_[index]; }
  // Null if nothing is mapped there.
  const Mapping* find(uint64_t address) const;

 private:
  Mapping* mappings_ = nullptr;
  uint64_t count_ = 0;
};

}  // namespace loam::scan
