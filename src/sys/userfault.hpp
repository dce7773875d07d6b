// A descriptor by which the kernel lets a process decide about faults of its own pages (userfaultfd). Used for pages that were
// written (written_pages.hpp) and for pages that are not there (absent_pages.hpp).
// Owns nothing: who opens a descriptor closes it. Locking: none.
#pragma once

#include <cstdint>

namespace loam::sys::userfault {

// From linux/userfaultfd.h; the headers of an older distribution lack what is newer than they are.
constexpr uint64_t kSignalsBus = uint64_t{1} << 7;           // a fault of a missing page is SIGBUS
constexpr uint64_t kAsynchronousWrites = uint64_t{1} << 15;  // Linux 6.7
constexpr uint64_t kMoves = uint64_t{1} << 16;               // Linux 6.8

constexpr uint64_t kMissing = uint64_t{1} << 0;
constexpr uint64_t kWriteProtect = uint64_t{1} << 1;

// A descriptor where those of programs seldom are, closed by exec; negative where the kernel does not know the features, or forbids it.
// A process with a filter on its system calls is not even asked for: the filter may end it.
long open(uint64_t features);
// 0, or a negative errno: EBUSY where another descriptor watches the range. Requires: private anonymous memory.
long watch(long descriptor, uint64_t start, uint64_t bytes, uint64_t mode);
// Write-protected pages of a watched range may be written to again.
long open_pages(long descriptor, uint64_t start, uint64_t bytes);
void unwatch(long descriptor, uint64_t start, uint64_t bytes);

}  // namespace loam::sys::userfault
