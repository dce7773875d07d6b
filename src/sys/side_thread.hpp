// A thread that the program does not know: it shares the memory and little else. No libc stands behind it: no thread-local
// storage but a canary's worth, no place in libc's list of threads, all signals blocked. The kernel reaps it when it
// ends; exec and the end of the process end it too.
// Requires of what runs on it: only raw system calls and memory that outlives it; nothing that knows of threads.
#pragma once

#include <cstddef>

namespace loam::sys {

using SideThread = void (*)(void* argument);

// Starts run(argument) on the stack that ends at `stack_end` (aligned to 16). `storage` points into the middle of at
// least 8 KiB that may be read and written: what the thread pointer is set to. `run` must end by leave_side_thread. Async-signal-safe.
bool start_side_thread(SideThread run, void* argument, void* stack_end, void* storage);

// Gives the calling side thread an empty table of descriptors of its own: what it opens is never among the program's, and
// it keeps none of the program's files open. Its first step. Returns false if the kernel refuses.
bool leave_descriptors();

// Ends the calling side thread and unmaps the memory that it ran on.
[[noreturn]] void leave_side_thread(void* memory, size_t bytes);

}  // namespace loam::sys
