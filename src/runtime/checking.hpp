// Check mode in the runtime: the finding file that the tool shares, the faults, and the mode's malloc and free.
// Locking: none of its own; records of the file are claimed atomically (format/findings.hpp).
#pragma once

#include "check/check.hpp"
#include "check/survey.hpp"
#include "options/options.hpp"
#include "runtime/runtime.hpp"
#include "scan/heap_view.hpp"

namespace loam::runtime {

// Maps the finding file and opens the mode. Returns false, saying why, when it cannot: the process is then not watched.
bool open_checking(const options::Values& values);
// In the child of a fork: a record of its own.
void restart_checking();
// The last look at all blocks, when a process ends by exit().
void finish_checking();

void* checked_allocate(heap::ThreadHeap* heap, size_t size, size_t alignment, Origin origin, bool zeroed);
void checked_release(heap::ThreadHeap* heap, void* block, Origin origin);
void checked_release_sized(heap::ThreadHeap* heap, void* block, size_t size, Origin origin);
void* checked_resize(heap::ThreadHeap* heap, void* block, size_t size, Origin origin);
size_t checked_usable_size(void* block);

// --- The finding file (findings.cpp) ---

bool open_findings(const char* path);
// A record for this process.
void begin_findings();
void write_finding(const check::Finding& finding);
void write_watched(bool finished);
// A program is about to be executed. A path that cannot be read is left to the kernel.
void write_program(const char* path);
// Where the file is mapped.
check::Piece findings_memory();

// --- The search for leaks (checked_view.cpp) ---

scan::HeapView view_of_checked_heap();

// --- Bad accesses (faults.cpp) ---

// Installs the handlers. The program's own are called after ours.
void prepare_faults(bool keep_going);

}  // namespace loam::runtime
