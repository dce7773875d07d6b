// How a running process answers `loam stats` (format/control.hpp). Nothing exists until somebody asks: then the handler
// of one signal starts a side thread, which answers and ends within format::kAnswerMilliseconds plus the time of the
// heap walk.
// Locking: the side thread takes the lock of the table of outside blocks, with bounded patience; the program never waits
// for the side thread.
#pragma once

namespace loam::runtime {

// Installs the handler, unless the signal has one or is ignored. Called once, at start.
void prepare_control();

}  // namespace loam::runtime
