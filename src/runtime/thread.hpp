// Threads meeting and leaving the heap.
#pragma once

namespace loam::runtime {

// Registers what tells us of a thread's end. Called once, at start.
void prepare_threads();

}  // namespace loam::runtime
