// Does a thread's operations of a file (format/operations.hpp) on the malloc of this process, and measures them alone: reading the
// file is outside of the clock.
//
// Each block's memory is written to as far as its program is assumed to: the first byte, and one in each page behind. Nothing here
// allocates, so that every call of malloc is a recorded one. Locking: threads wait for each other at kWait, by the `turns` of slots.
#pragma once

#include <cstdint>

#include "format/operations.hpp"

namespace loam::executor {

struct Slot {
  unsigned char* block;
  std::uint32_t pages;  // written to
  std::uint32_t turns;  // operations that the block has seen; with threads alone
};

struct Job {
  int file;
  const format::OperationHead* head;
  const format::OperationChunk* table;
  Slot* slots;
  double speed;    // 0: as fast as possible
  bool is_shared;  // between threads
  bool is_checked;
  std::uint64_t start_ns;
};

// What one thread did. `failed`: an allocation that the malloc refused; `broken`: blocks whose first byte was not what was written there.
struct Tally {
  std::uint64_t cpu_ns = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t failed = 0;
  std::uint64_t broken = 0;
  bool is_read = true;  // false: the file could not be read
};

// `words` has room for a chunk.
Tally run_thread(const Job& job, std::uint32_t thread, format::OperationWord* words);

std::uint64_t now_ns();

}  // namespace loam::executor
