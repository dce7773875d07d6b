// Stops the world: every thread of the process but the caller and the collector's own stands in a signal handler, with its registers
// in the signal's frame on its stack. Threads that use the heap are known and waited for, however long it takes. Of others (/proc
// lists them) those that block the signal, as /proc tells, are let go after a moment: as with other collectors, a thread that hides
// from the collector must not be the only one to hold a pointer.
// Locking: the collector's lock, from before stop_world() until after resume_world().
#pragma once

#include <cstdint>

#include "lib/gc/thread.hpp"

namespace loam::collector {

constexpr unsigned kMostStrangers = 256;

// Installs the handler, once. The signal may be chosen before that.
void prepare_stop();
int stop_signal();
void set_stop_signal(int signal);

void stop_world();
void resume_world();

// Threads that stand still and do not use the heap.
unsigned stranger_count();
const Standing& stranger(unsigned index);

// A thread that is the collector's own and is never stopped.
void spare_thread(uint32_t id);

}  // namespace loam::collector
