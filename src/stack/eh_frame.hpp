// Where a module's unwind information for a pc lies: the search of .eh_frame_hdr, and CIE and FDE taken apart.
// Invariant: never reads outside the bounds that it is given, whatever the bytes say. Read-only, no state, no locking,
// async-signal-safe.
#pragma once

#include <cstdint>

namespace loam::stack {

// The .eh_frame_hdr of one module, in memory, and the bounds of the mapped segment around it and .eh_frame.
struct FrameTable {
  const uint8_t* header;
  const uint8_t* begin;
  const uint8_t* end;
};

// One function's entry, with what of its CIE is needed to run it.
struct Entry {
  uint64_t start;  // the pcs that it is about
  uint64_t end;
  const uint8_t* common;  // the CIE's instructions
  const uint8_t* common_end;
  const uint8_t* own;  // the FDE's
  const uint8_t* own_end;
  uint64_t code_factor;
  int64_t data_factor;
  uint64_t return_column;
  uint8_t pointer_encoding;
  bool signal_frame;
};

// Finds the entry whose range contains the pc. Returns false if there is none, or if it cannot be understood.
bool find_entry(const FrameTable& table, uint64_t pc, Entry& out);

// Takes apart the FDE at the address. Returns false for a CIE, a terminator, or what cannot be understood.
bool read_entry(const FrameTable& table, const uint8_t* at, Entry& out);

}  // namespace loam::stack
