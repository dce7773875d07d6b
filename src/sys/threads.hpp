// The threads of this process as /proc sees them: which there are, where one that waits in the kernel stands, whether it has
// run meanwhile. Works without any privilege: a process may always look at itself.
// Async-signal-safe, no allocation, no locking; threads may come, go and run while they are looked at.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::sys {

struct ThreadName {
  uint32_t entry;  // its number in /proc/self/task
  uint32_t id;     // its number for signals: another one if /proc belongs to an outer pid namespace
};

// Returns false when /proc does not list them.
bool for_each_thread(void (*visit)(const ThreadName&, void*), void* argument);

// A thread that waits in the kernel.
struct WaitingThread {
  long call;  // the number of the system call; -1: it waits for something else, a page perhaps
  uint64_t arguments[6];
  uint64_t stack;  // its stack pointer
};

// Returns false if it runs, or is gone.
bool read_waiting(uint32_t entry, WaitingThread* thread);

// How often it has been given a processor; 0 if the kernel does not tell. The same number twice: it did not run in between.
uint64_t times_run(uint32_t entry);
// How long it has had a processor, as of the last tick of the clock or so.
uint64_t processor_ns(uint32_t entry);

// Whether it blocks the signal.
bool blocks_signal(uint32_t entry, int signal);

// Whether it is still there. `id` is that for signals.
bool thread_exists(uint32_t id);

constexpr size_t kThreadNameBytes = 16;
void read_thread_name(uint32_t entry, char (&name)[kThreadNameBytes]);

// Whether a caught signal makes the call return early with EINTR even under SA_RESTART.
bool is_interrupted_by_signals(long call);

}  // namespace loam::sys
