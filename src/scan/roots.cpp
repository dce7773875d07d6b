#include "scan/roots.hpp"

#include "base/bits.hpp"
#include "sys/syscall.hpp"

namespace loam::scan {

namespace {

constexpr uint64_t kPage = 4096;

struct Reader {
  RootSink* sink;
  uint64_t* bytes;
  uint64_t start;
  uint64_t end;
  bool code;
};

void read_run(const sys::ResidentRun& run, void* argument) {
  auto& reader = *static_cast<Reader*>(argument);
  const uint64_t start = run.start > reader.start ? run.start : reader.start;
  const uint64_t end = run.end < reader.end ? run.end : reader.end;
  if (start >= end) return;
  *reader.bytes += end - start;
  if (reader.code)
    reader.sink->add_code(start, end);
  else
    reader.sink->add_range(start, end);
}

// Of shared memory only what is in memory already: reading the rest would bring it there.
void read_shared(Reader& reader) {
  constexpr uint64_t kAtOnce = 256;
  unsigned char present[kAtOnce]{};
  for (uint64_t at = base::align_down(reader.start, kPage); at < reader.end; at += kAtOnce * kPage) {
    const uint64_t end = at + kAtOnce * kPage < reader.end ? at + kAtOnce * kPage : reader.end;
    if (sys::failed(sys::raw_call(SYS_mincore, static_cast<long>(at), static_cast<long>(end - at),
                                  reinterpret_cast<long>(present))))
      return;
    for (uint64_t page = 0; at + page * kPage < end; ++page) {
      if ((present[page] & 1) != 0) read_run({at + page * kPage, at + (page + 1) * kPage, false}, &reader);
    }
  }
}

}  // namespace

void Roots::leave_out(uint64_t start, uint64_t end) {
  if (left_out_count_ < kMostLeftOut) left_out_[left_out_count_++] = {start, end};
}

bool Roots::prepare(Scratch& scratch, const HeapView& heap, const Stop& stop, uint64_t first_block) {
  heap_ = &heap;
  stop_ = &stop;
  first_block_ = first_block;
  return mappings_.read(scratch);
}

bool Roots::find_unreadable(Scratch& scratch, Readable& readable) const {
  uint64_t count = 0;
  for (uint64_t i = 0; i < mappings_.count(); ++i) count += mappings_.at(i).readable ? 0u : 1u;
  if (!readable.prepare(scratch, count + 1)) return false;
  for (uint64_t i = 0; i < mappings_.count(); ++i) {
    const Mapping& mapping = mappings_.at(i);
    if (mapping.readable) continue;
    uint64_t start = 0;
    uint64_t end = 0;
    const bool heaps = heap_->next_own(mapping.start, &start, &end) && start < mapping.end;
    if (heaps) readable.forbid(mapping.start, mapping.end);
  }
  return true;
}

void Roots::mark_registers(RootSink& sink) {
  for (unsigned i = 0; i < stop_->count(); ++i) {
    const StoppedThread& thread = stop_->thread(i);
    const sys::Registers& registers = thread.registers;
    for (unsigned j = 0; j < registers.count; ++j) sink.add_word(registers.words[j]);
    figures_.registers += registers.count;
    if (thread.fate == Fate::kWaiting) figures_.unknown_registers += sys::kUnseenRegisters;
    if (thread.fate == Fate::kSilent) figures_.unknown_registers += sys::kMostRegisters;
  }
}

void Roots::mark_weak(RootSink& sink) {
  for (unsigned i = 0; i < stop_->count(); ++i) {
    const sys::Registers& registers = stop_->thread(i).registers;
    for (unsigned j = 0; j < registers.weak_count; ++j) sink.add_word(registers.weak[j]);
  }
  if (weak_.start < weak_.end) sink.add_range(weak_.start, weak_.end);
  sink.drain();
}

bool Roots::next_hole(uint64_t start, uint64_t end, uint64_t* hole_start, uint64_t* hole_end) const {
  bool any = heap_->next_own(start, hole_start, hole_end) && *hole_start < end;
  const auto offer = [&](const DeadPart& part) {
    if (part.end <= start || part.start >= end || (any && part.start >= *hole_start)) return;
    *hole_start = part.start;
    *hole_end = part.end;
    any = true;
  };
  for (unsigned i = 0; i < left_out_count_; ++i) offer(left_out_[i]);
  for (unsigned i = 0; i < dead_count_; ++i) offer(dead_[i]);
  offer(weak_);
  return any;
}

void Roots::read(RootSink& sink, const Mapping& mapping, uint64_t start, uint64_t end) {
  const bool stack = mapping.main_stack || (mapping.guarded && mapping.nameless);
  Reader reader{&sink, stack ? &figures_.stack_bytes : &figures_.data_bytes, start, end, mapping.executable};
  if (mapping.shared) {
    const uint64_t before = figures_.data_bytes;
    read_shared(reader);
    figures_.shared_bytes += figures_.data_bytes - before;
  } else if (!scan_.scan_written(base::align_down(start, kPage), base::align_up(end, kPage), read_run,
                                 &reader)) {
    read_run({start, end, false}, &reader);
  }
}

void Roots::mark_mapping(RootSink& sink, const Mapping& mapping, Stacks& stacks) {
  DeadPart dead[Stacks::kMostDead];
  dead_count_ = stacks.find_dead(mapping, dead);
  dead_ = dead;
  if (stacks.ended_block() != 0)
    sink.add_word(*reinterpret_cast<const uint64_t*>(stacks.ended_block() + sys::kThreadTableOffset));
  for (uint64_t at = mapping.start; at < mapping.end;) {
    uint64_t hole_start = mapping.end;
    uint64_t hole_end = mapping.end;
    if (!next_hole(at, mapping.end, &hole_start, &hole_end)) hole_start = hole_end = mapping.end;
    if (at < hole_start) read(sink, mapping, at, hole_start);
    at = hole_end > at ? hole_end : at + kPage;
  }
  dead_ = nullptr;
  dead_count_ = 0;
}

// Stacks that a program made of a block of the heap: the heap's memory is no root, what a stack pointer points to is.
void Roots::mark_foreign_stacks(RootSink& sink) {
  for (unsigned i = 0; i < stop_->count(); ++i) sink.add_word(stop_->thread(i).registers.stack);
}

void Roots::mark(RootSink& sink) {
  mark_registers(sink);
  mark_foreign_stacks(sink);
  sink.drain();
  Stacks stacks(*stop_, mappings_, first_block_);
  for (uint64_t i = 0; i < mappings_.count(); ++i) {
    const Mapping& mapping = mappings_.at(i);
    if (!mapping.readable) continue;
    if (mapping.device) {
      figures_.devices += mapping.writable ? 1 : 0;
      continue;
    }
    // What may only be read may have been written before: the pages tell. Of shared memory they do not.
    if (mapping.shared && !mapping.writable) continue;
    mark_mapping(sink, mapping, stacks);
  }
  figures_.ended_stacks = stacks.ended();
}

}  // namespace loam::scan
