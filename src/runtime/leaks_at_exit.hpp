// The search for leaks when the process ends by exit(): the same as in a running one, written to a file.
#pragma once

#include <cstdint>

namespace loam::runtime {

// Leaves the answer and a copy of the mappings in `folder`, named by the number of the process. `frame` is where the caller,
// which runs inside exit(), has its stack. Waits until it is done.
void search_leaks_at_exit(const char* folder, uint64_t frame);

}  // namespace loam::runtime
