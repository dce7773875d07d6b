// A recording in the formats of other tools (docs/exports.md). Each reads the events from the start and writes them to the output, which
// the caller finishes. Throws Failure when the output cannot be written.
#pragma once

#include "tool/model/heap_events.hpp"
#include "tool/render/packed_output.hpp"

namespace loam::tool {

// One event a line.
void write_csv(HeapEvents& events, PackedOutput& out);
// A line a stack, the outermost function first, with the bytes that it allocated: what flame graphs are made of.
void write_folded(HeapEvents& events, PackedOutput& out);
// profile.proto, not packed yet.
void write_pprof(HeapEvents& events, PackedOutput& out);
void write_speedscope(HeapEvents& events, PackedOutput& out);
// Sums and sites, "loam-recording/1".
void write_summary_json(HeapEvents& events, PackedOutput& out);
// Trace events of Chromium and Perfetto: counters over time.
void write_trace(HeapEvents& events, PackedOutput& out);
// The text format that heaptrack_interpret writes, version 3.
void write_heaptrack(HeapEvents& events, PackedOutput& out);

}  // namespace loam::tool
