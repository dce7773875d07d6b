// The program and the libraries that its stacks lead through: which one lies where, who it is, and that for ever, so that an address
// in a library that was unloaded since still has a name.
// Owns the table of modules. Invariant: an id means one file at one place, never another; a record once entered stays, in
// metadata memory. A library loaded again at the same place gets its old id.
// Locking: none; entering is one compare-and-swap. Async-signal-safe: modules are found through _dl_find_object, which glibc offers
// for unwinders that may run anywhere. Where there is none (glibc before 2.35) no pc is in a module.
#pragma once

#include <atomic>
#include <cstdint>

#include "stack/eh_frame.hpp"

namespace loam::stack {

constexpr unsigned kMaxBuildId = 32;

struct Module {
  uint64_t start;  // where it was mapped
  uint64_t end;
  uint64_t bias;  // address minus address in the file's own headers
  FrameTable frames;
  uint64_t fingerprint;
  const char* path;  // as the loader names it; of the program itself, where its file was
  uint16_t id;       // 1 and up
  uint8_t build_id_size;
  uint8_t build_id[kMaxBuildId];
  std::atomic<bool> gone;  // another module has been met at its place since

  bool holds(uint64_t pc) const { return pc >= start && pc < end; }
};

// The module whose code lies at the pc now, entered if it was not known; null for code of no module (made at run time), or when no
// record can be had.
const Module* module_at(uint64_t pc);

// The module with that id, loaded or not; null for 0.
const Module* module_of(uint16_t id);

// The ids given so far are 1 to this.
uint32_t module_count();

// Changes whenever what was known of a pc may no longer hold.
extern constinit std::atomic<uint32_t> generation_of_modules;
inline uint32_t module_generation() { return generation_of_modules.load(std::memory_order_acquire); }

// To be called before and after dlclose: a module that lies where another one was is not seen by itself until a pc is met that was
// not met there before.
void modules_changed();

}  // namespace loam::stack
