// The answer to the question by which words a block is held (format/leaks.hpp).
// Locking: none, in the copy.
#pragma once

#include "runtime/leaks.hpp"
#include "scan/block_map.hpp"
#include "scan/chain.hpp"
#include "scan/scratch.hpp"

namespace loam::runtime {

// `chain` has followed everything. Returns whether all of it was answered.
bool write_chain(const LeakSearch& search, const scan::BlockMap& map, const scan::Chain& chain,
                 scan::Scratch& scratch, uint64_t pause_ns);

}  // namespace loam::runtime
