// Stacks of one frame: the address from which malloc or free was called, as a number. What check mode names calls by until
// a floor that unwinds is registered in its place.
// Locking: none; entries are claimed by compare-and-swap and never change.
#pragma once

#include "check/record.hpp"

namespace loam::runtime {

// 0 when the table is full.
check::StackId caller_id(const void* caller);
// Return addresses, innermost first. Returns how many.
unsigned resolve_stack(check::StackId id, uint64_t* addresses, unsigned most);

}  // namespace loam::runtime
