// The blocks of check mode that lie outside of the heap's spans, and the memory that is the mode's own: for a search for leaks,
// which sees the process standing still, and perhaps in the middle of a change.
// Locking: none, and none is waited for. Requires: nothing of the mode changes meanwhile.
#pragma once

#include "check/record.hpp"

namespace loam::check {

// Live blocks of the page tier and of the guarded window, each in address order; `before`: only those of windows that begin below
// the address and at or above `from`.
void for_each_window_block(uint64_t from, uint64_t before,
                           void (*visit)(const BlockInfo& block, void* argument), void* argument);

// Of a block that for_each_window_block() has visited, or that has a mapping of its own.
const History& history_of(const Record& record);

// Whether the block was allocated before this process was forked off.
bool is_inherited(const Record& record);

struct Piece {
  uint64_t start;
  uint64_t end;
};
constexpr unsigned kMostPieces = 9;
// Memory that is neither the heap's nor the metadata arena's. Returns how many pieces there are, in no order.
unsigned own_pieces(Piece (&out)[kMostPieces]);

}  // namespace loam::check
