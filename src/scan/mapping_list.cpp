#include "scan/mapping_list.hpp"

#include "sys/mappings.hpp"
#include "sys/proc.hpp"

namespace loam::scan {

namespace {

constexpr uint64_t kRoomForMore = 64;

bool starts_with(const char* text, const char* prefix) {
  while (*prefix != '\0') {
    if (*text++ != *prefix++) return false;
  }
  return true;
}

bool is_device(const char* name) {
  return starts_with(name, "/dev/") && !starts_with(name, "/dev/shm/") && !starts_with(name, "/dev/zero");
}

bool is_kernels(const char* name) { return starts_with(name, "[v"); }  // [vdso], [vvar], [vsyscall]

Mapping describe(const sys::MappingLine& line) {
  Mapping mapping{};
  mapping.start = line.start;
  mapping.end = line.end;
  mapping.readable = line.readable;
  mapping.writable = line.writable;
  mapping.executable = line.executable;
  mapping.shared = line.shared;
  mapping.nameless = line.name[0] == '\0' || starts_with(line.name, "[anon");
  mapping.main_stack = starts_with(line.name, "[stack]");
  mapping.device = is_device(line.name) || is_kernels(line.name);
  return mapping;
}

}  // namespace

bool MappingList::read(Scratch& scratch) {
  const uint64_t room = sys::count_mappings() + kRoomForMore;
  mappings_ = scratch.take<Mapping>(room);
  if (mappings_ == nullptr) return false;
  sys::Mappings lines;
  for (sys::MappingLine line; count_ < room && lines.next(&line);) {
    Mapping& mapping = mappings_[count_];
    mapping = describe(line);
    const Mapping* below = count_ == 0 ? nullptr : &mappings_[count_ - 1];
    mapping.guarded = below != nullptr && below->end == mapping.start && !below->readable && !below->writable;
    ++count_;
  }
  return count_ > 0;
}

const Mapping* MappingList::find(uint64_t address) const {
  uint64_t low = 0;
  uint64_t high = count_;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (mappings_[middle].end <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count_ && mappings_[low].start <= address ? &mappings_[low] : nullptr;
}

}  // namespace loam::scan
