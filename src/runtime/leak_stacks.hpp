// The stacks of the blocks that a search for leaks has named, beside its answer: format/stacks.hpp says how they are written.
// Locking: none.
#pragma once

#include <cstddef>

namespace loam::runtime {

// `answer` is the descriptor of a file that begins with a format::Reply and what format/leaks.hpp describes. Every stack that is
// named in it is written once, after all modules.
void write_leak_stacks(long answer, bool (*write)(void* to, const void* from, size_t bytes), void* to);

}  // namespace loam::runtime
