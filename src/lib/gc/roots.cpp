#include "lib/gc/roots.hpp"

#include <elf.h>
#include <link.h>
#include <string.h>

#include "base/bits.hpp"
#include "lib/gc/stop.hpp"
#include "sys/kernel.hpp"
#include "sys/mappings.hpp"
#include "sys/probe.hpp"
#include "sys/registers.hpp"
#include "sys/thread_storage.hpp"

namespace loam::collector {

constinit Roots roots;

namespace {

// One more element's room in an array that moves to a larger mapping when it is full.
template <class T>
bool make_room(T*& array, uint64_t count, uint64_t& room) {
  if (count < room) return true;
  const uint64_t more = room == 0 ? 4096 / sizeof(T) + 1 : 2 * room;
  auto* larger = static_cast<T*>(sys::map(more * sizeof(T)));
  if (larger == nullptr) return false;
  if (array != nullptr) {
    memcpy(static_cast<void*>(larger), array, count * sizeof(T));
    sys::unmap(array, room * sizeof(T));
  }
  array = larger;
  room = more;
  return true;
}

// The mapping that the address lies in; empty if there is none.
Range find_mapping(uint64_t address) {
  sys::Mappings mappings;
  for (sys::MappingLine line; mappings.next(&line);) {
    if (address >= line.start && address < line.end) return {line.start, line.end};
  }
  return {0, 0};
}

}  // namespace

struct Roots::Modules {
  Roots* roots;
};

bool Roots::add(uint64_t start, uint64_t end) {
  start = base::align_up(start, sizeof(uint64_t));
  end = base::align_down(end, sizeof(uint64_t));
  if (start >= end) return true;
  for (uint64_t i = 0; i < range_count_; ++i) {
    if (ranges_[i].start != start) continue;
    if (ranges_[i].end < end) ranges_[i].end = end;
    return true;
  }
  if (!make_room(ranges_, range_count_, range_room_)) return false;
  ranges_[range_count_++] = {start, end};
  return true;
}

void Roots::remove(uint64_t start, uint64_t end) {
  for (uint64_t i = 0; i < range_count_;) {
    if (ranges_[i].start >= base::align_up(start, sizeof(uint64_t)) && ranges_[i].end <= end)
      ranges_[i] = ranges_[--range_count_];
    else
      ++i;
  }
}

void Roots::clear() {
  range_count_ = 0;
  main_data_ = false;
}

void Roots::exclude(uint64_t start, uint64_t end) {
  if (excluded_count_ < kMostExcluded) excluded_[excluded_count_++] = {start, end};
}

bool Roots::contains(uint64_t address) const {
  const auto inside = [address](const Range& range) { return address >= range.start && address < range.end; };
  for (uint64_t i = 0; i < range_count_; ++i) {
    if (inside(ranges_[i])) return true;
  }
  for (uint64_t i = 0; i < module_count_; ++i) {
    if (inside(modules_[i].data)) return true;
  }
  return false;
}

int Roots::add_module(dl_phdr_info* info, unsigned long, void* argument) {
  Roots& self = *static_cast<Modules*>(argument)->roots;
  const bool main = info->dlpi_addr == 0 || info->dlpi_name == nullptr || info->dlpi_name[0] == '\0';
  bool own = false;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    const uint64_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && self.own_ - start < header.p_memsz) own = true;
  }
  for (unsigned i = 0; i < info->dlpi_phnum && !own; ++i) {
    const auto& header = info->dlpi_phdr[i];
    const bool data = header.p_type == PT_LOAD && (header.p_flags & PF_W) != 0;
    if (!data && header.p_type != PT_TLS) continue;
    if (!make_room(self.modules_, self.module_count_, self.module_room_)) return 1;
    Module& module = self.modules_[self.module_count_++];
    module = {{0, 0}, 0, 0, main};
    const uint64_t start = info->dlpi_addr + header.p_vaddr;
    if (data)
      module.data = {base::align_up(start, sizeof(uint64_t)),
                     base::align_down(start + header.p_memsz, sizeof(uint64_t))};
    else
      module.storage_bytes = header.p_memsz, module.storage_id = info->dlpi_tls_modid;
  }
  return 0;
}

void Roots::look_at_modules() {
  module_count_ = 0;
  Modules argument{this};
  dl_iterate_phdr(add_module, &argument);
}

// But for what is excluded.
void Roots::mark_range(Marker& marker, uint64_t start, uint64_t end) {
  while (start < end) {
    Range hole{end, end};
    for (unsigned i = 0; i < excluded_count_; ++i) {
      if (excluded_[i].end > start && excluded_[i].start < hole.start) hole = excluded_[i];
    }
    if (hole.start > start) marker.add_range(start, hole.start < end ? hole.start : end);
    start = hole.end > start ? hole.end : end;
  }
}

void Roots::mark_stack(Marker& marker, uint64_t stack, uint64_t limit, uint64_t top) {
  if (stack >= limit && stack < top) return marker.add_range(stack, top);
  // On another stack than its own, that of a signal perhaps: all of that, and all of its own.
  const Range other = find_mapping(stack);
  if (other.start < other.end) marker.add_range(stack, other.end);
  const Range own = top == 0 ? Range{0, 0} : find_mapping(top - 1);
  if (own.start < own.end) marker.add_range(own.start > limit ? own.start : limit, top);
}

// On the stack that the program has named nothing above its top counts, and its own is for the program to name. In a signal's handler the
// thread may be on yet another one.
void Roots::mark_stack_of(Marker& marker, const Thread& thread, uint64_t stack) {
  const uint64_t top = thread.other_top;
  if (top == 0) return mark_stack(marker, stack, thread.stack_limit, thread.stack_top);
  const Range mapping = find_mapping(stack);
  if (stack < top && top <= mapping.end) return marker.add_range(stack, top);
  mark_stack(marker, stack, thread.stack_limit, thread.stack_top);
  const Range named = find_mapping(top - 1);
  marker.add_range(named.start, named.end < top ? named.end : top);
}

void Roots::mark_storage(Marker& marker, uint64_t thread_pointer) {
  if (thread_pointer == 0) return;
  marker.add_range(thread_pointer, thread_pointer + sys::kThreadBlockBytes);
  for (uint64_t i = 0; i < module_count_; ++i) {
    const Module& module = modules_[i];
    if (module.storage_bytes == 0) continue;
    const uint64_t start = sys::thread_storage(thread_pointer, module.storage_id);
    const uint64_t end = base::align_down(start + module.storage_bytes, sizeof(uint64_t));
    // That of a module which was unloaded meanwhile may be gone.
    if (start == 0 || end <= start || !sys::readable(start) || !sys::readable(end - sizeof(uint64_t)))
      continue;
    marker.add_range(start, end);
  }
}

void Roots::mark_threads(Marker& marker, uint64_t caller_stack) {
  for (Thread* thread = threads.first(); thread != nullptr; thread = thread->next) {
    if (!thread->used) continue;
    marker.add_word(reinterpret_cast<uint64_t>(thread->result));
    if (thread->ended) continue;
    const bool caller = thread == current;
    if (!caller && thread->standing.stand.load(std::memory_order_acquire) != kStopped) continue;
    mark_stack_of(marker, *thread, caller ? caller_stack : thread->standing.stack);
    mark_storage(marker, thread->standing.thread_pointer);
  }
  for (unsigned i = 0; i < stranger_count(); ++i) {
    const Standing& standing = stranger(i);
    if (standing.stand.load(std::memory_order_acquire) != kStopped) continue;
    const Range mapping = find_mapping(standing.stack);
    mark_stack(marker, standing.stack, mapping.start, mapping.end);
    mark_storage(marker, standing.thread_pointer);
  }
}

void Roots::mark(Marker& marker, uint64_t caller_stack) {
  if (conservative_) mark_threads(marker, caller_stack);
  for (uint64_t i = 0; conservative_ && i < module_count_; ++i) {
    const Module& module = modules_[i];
    if (module.data.start < module.data.end && (module.main ? main_data_ : libraries_))
      mark_range(marker, module.data.start, module.data.end);
  }
  for (uint64_t i = 0; i < range_count_; ++i) mark_range(marker, ranges_[i].start, ranges_[i].end);
}

}  // namespace loam::collector
