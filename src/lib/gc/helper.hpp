// A second thread that marks, where there is a second processor: shares a collection that has stopped the world, or does it beside the
// program (cycle.hpp). Started at the first collection that is worth it; sleeps in
// between. libc does not know it: it needs nothing of libc, and a program with one thread stays one with one thread.
// Locking: the collector's lock.
#pragma once

#include <cstdint>

#include "lib/gc/marker.hpp"

namespace loam::collector {

// Until nothing is left to read; with `help` on the second thread too, if there is one. Returns how many objects the second
// thread has taken.
uint64_t drain_with_help(Marker& marker, bool help);

// Starts the second thread, if it does not run. What it does when nobody wants help: calls `background` until that returns false, and
// again after each wake_helper(). Returns false if there can be none.
using Background = bool (*)();
bool start_helper(Background background);
void wake_helper();

// The marker of whoever helps: of the second thread while the world stands still, else of a thread of the program (assist.hpp).
Marker& second_marker();

// In the child of a fork the second thread is gone.
void forget_helper();

}  // namespace loam::collector
