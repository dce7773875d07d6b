// A copy of this process for looking at: made without libc, so that no handler of the program runs and no lock is taken; it
// sends no signal when it ends and is no child that the program could wait for by accident.
// Async-signal-safe; no locking.
#pragma once

#include <cstdint>

namespace loam::sys {

// Returns 0 in the copy, which goes on alone on the caller's stack; the copy's id in this process; or -errno.
// The copy ends when the calling thread does, leaves no core file, and is the first to go when memory is short.
long copy_process();

// Waits for the copy to end. Returns whether it ended by exit with status 0.
bool wait_for_copy(long copy);
void kill_copy(long copy);
[[noreturn]] void leave_copy(int status);

}  // namespace loam::sys
