// What is written into the counter slot by looking, not by counting: the heap walk, the break, resident pages.
#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "heap/walk.hpp"
#include "runtime/runtime.hpp"
#include "runtime/statistics.hpp"
#include "sys/kernel.hpp"
#include "sys/proc.hpp"

namespace loam::runtime {

namespace {

using format::Counter;
using format::CounterSlot;

void write_walk(CounterSlot& slot, const heap::Figures& figures) {
  for (unsigned i = 0; i < heap::kClasses; ++i) {
    const heap::ClassFigures& of_class = figures.classes[i];
    slot.classes.spans[i].store(of_class.spans, std::memory_order_relaxed);
    slot.classes.live_blocks[i].store(of_class.live_blocks, std::memory_order_relaxed);
    slot.classes.free_blocks[i].store(of_class.free_blocks, std::memory_order_relaxed);
  }
  slot.set(Counter::kWalkBlocks, figures.live_blocks);
  slot.set(Counter::kWalkBytes, figures.live_bytes);
  slot.set(Counter::kFreeInSpanBytes, figures.free_in_span_bytes);
  slot.set(Counter::kDirtyCacheBytes, figures.dirty_bytes);
  slot.set(Counter::kMetadataBytes, figures.metadata_bytes);
  slot.set(Counter::kHugeAdvisedBytes, figures.advised_bytes);
  slot.set(Counter::kMappedBytes, figures.mapped_bytes);
  slot.set(Counter::kMappings, sys::count_mappings());
  slot.set(Counter::kRegions, heap::regions.mapped_bytes() / heap::kRegion);
  slot.set(Counter::kThreadsSeen, figures.threads_seen);
  slot.set(Counter::kHeaps, figures.heaps);
  slot.set(Counter::kWalkLargeBlocks, figures.large_blocks);
  slot.set(Counter::kWalkLargeBytes, figures.large_bytes);
  slot.set(Counter::kWalkHugeBlocks, figures.outside_blocks);
  slot.set(Counter::kWalkHugeBytes, figures.outside_bytes);
  slot.make_known(format::Group::kWalk);
}

void write_break(CounterSlot& slot, const heap::Figures& figures) {
  const sys::Source& source = heap::regions.source();
  if (source.kind() != sys::SourceKind::kBreak) return;
  const auto current = reinterpret_cast<uint64_t>(sys::current_break());
  slot.set(Counter::kBreakInitial, reinterpret_cast<uint64_t>(source.initial_break()));
  slot.set(Counter::kBreakCurrent, current);
  slot.set(Counter::kBreakHighest, reinterpret_cast<uint64_t>(source.highest_break()));
  slot.set(Counter::kBreakPin, reinterpret_cast<uint64_t>(figures.highest_block));
  slot.set(Counter::kBreakStuckBytes, figures.free_in_span_bytes + figures.dirty_bytes);
  slot.make_known(format::Group::kBreak);
}

}  // namespace

void write_figures(CounterSlot& slot) {
  heap::Figures figures;
  heap::measure(&figures);
  uint64_t spans = figures.large_blocks;
  for (const heap::ClassFigures& of_class : figures.classes) spans += of_class.spans;
  slot.set(Counter::kWalkSpans, spans);
  write_walk(slot, figures);
  write_break(slot, figures);
}

}  // namespace loam::runtime
