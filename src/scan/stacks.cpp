#include "scan/stacks.hpp"

#include "base/bits.hpp"
#include "sys/registers.hpp"

namespace loam::scan {

namespace {

constexpr uint64_t kPage = 4096;

struct Search {
  uint64_t found;
};

void search_run(const sys::ResidentRun& run, void* argument) {
  auto& search = *static_cast<Search*>(argument);
  for (uint64_t at = run.start; search.found == 0 && at < run.end; at += sys::kThreadBlockAlignment) {
    if (sys::is_thread_block(at)) search.found = at;
  }
}

bool could_be_stack(const Mapping& mapping) {
  return mapping.readable && mapping.writable && !mapping.shared && mapping.nameless && mapping.guarded;
}

}  // namespace

Stacks::Stacks(const Stop& stop, const MappingList& mappings, uint64_t first_block)
    : stop_(stop), first_block_(first_block) {
  for (unsigned i = 0; i < stop_.count(); ++i) {
    const StoppedThread& thread = stop_.thread(i);
    if (thread.fate == Fate::kSilent) strangers_ = true;
    if (thread.fate != Fate::kWaiting) continue;
    const Mapping* mapping = mappings.find(thread.registers.stack);
    if (mapping == nullptr) {
      strangers_ = true;
    } else if (!mapping->main_stack) {
      strangers_ = strangers_ || !could_be_stack(*mapping) || find_block(*mapping) < thread.registers.stack;
    }
  }
}

bool Stacks::lowest_pointer(const Mapping& mapping, uint64_t* stack) const {
  bool any = false;
  for (unsigned i = 0; i < stop_.count(); ++i) {
    const StoppedThread& thread = stop_.thread(i);
    if (thread.fate != Fate::kAnswered && thread.fate != Fate::kWaiting) continue;
    const uint64_t pointer = thread.registers.stack;
    if (pointer < mapping.start || pointer >= mapping.end || (any && pointer >= *stack)) continue;
    *stack = pointer;
    any = true;
  }
  return any;
}

bool Stacks::is_alive(uint64_t block) const {
  if (block == first_block_) return true;
  for (unsigned i = 0; i < stop_.count(); ++i) {
    if (stop_.thread(i).registers.thread_pointer == block) return true;
  }
  return false;
}

uint64_t Stacks::find_block(const Mapping& mapping) {
  Search search{0};
  scan_.scan_written(mapping.start, mapping.end, search_run, &search);
  return search.found;
}

unsigned Stacks::find_dead(const Mapping& mapping, DeadPart (&parts)[kMostDead]) {
  unsigned count = 0;
  for (unsigned i = 0; i < stop_.count() && count + 1 < kMostDead; ++i) {
    const StoppedThread& thread = stop_.thread(i);
    const bool idle = thread.fate == Fate::kAnswered && !thread.on_other;
    if (idle && thread.other_start < mapping.end && thread.other_end > mapping.start)
      parts[count++] = {thread.other_start, thread.other_end};
  }
  uint64_t stack = 0;
  ended_block_ = 0;
  if (!mapping.main_stack && !could_be_stack(mapping)) return count;
  const bool used = lowest_pointer(mapping, &stack);
  if (mapping.main_stack) {
    if (used) parts[count++] = {mapping.start, stack - sys::kRedZone};
    return count;
  }
  const uint64_t block = find_block(mapping);
  if (used && (block == 0 || stack < block)) {
    parts[count++] = {mapping.start, stack - sys::kRedZone};
  } else if (!used && block != 0 && !strangers_ && !is_alive(block)) {
    parts[count++] = {mapping.start, base::align_up(block + sys::kThreadBlockBytes, kPage)};
    ++ended_;
    ended_block_ = block;
  }
  return count;
}

}  // namespace loam::scan
