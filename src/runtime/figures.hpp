// What is written into a counter slot by looking, not by counting: at the end of a process in statistics mode, and
// whenever the control channel asks. Each group becomes known only if it could be measured.
// Locking: none of its own; see heap/walk.hpp and heap/footprint.hpp. Uses neither the heap nor thread-local storage, so
// that a side thread can run it.
#pragma once

#include "format/counters.hpp"
#include "sys/kernel.hpp"

namespace loam::runtime {

// Who the process is. `timed`: whether the slot's kernel calls will have times.
void describe_process(format::CounterSlot& slot, format::Birth birth, bool timed);

// The heap walk and the break, as of now. A millisecond or so for each 100 MiB of small blocks.
void write_figures(format::CounterSlot& slot);
// Resident memory by part: reads /proc and goes over all of the heap's pages, so never on a path of malloc.
void write_resident(format::CounterSlot& slot);
void write_usage(format::CounterSlot& slot);
// The process-wide counts of kernel calls, for a slot that has not seen each of them.
void write_kernel_calls(format::CounterSlot& slot);

format::KernelCall kind_of(sys::Call call);

}  // namespace loam::runtime
