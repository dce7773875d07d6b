#include "runtime/figures.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include "heap/find.hpp"
#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "heap/walk.hpp"
#include "options/options.hpp"
#include "sys/proc.hpp"
#include "sys/syscall.hpp"

namespace loam::runtime {

namespace {

using format::Counter;
using format::CounterSlot;

// Field 22 of /proc/self/stat.
uint64_t start_ticks() {
  char text[1024];
  if (sys::read_file("/proc/self/stat", text, sizeof text) == 0) return 0;
  const char* at = text;
  for (const char* scan = text; *scan != '\0'; ++scan) {
    if (*scan == ')') at = scan + 1;  // the name may hold anything, brackets too
  }
  for (int field = 2; field < 21 && *at != '\0'; ++field) {
    ++at;
    while (*at != ' ' && *at != '\0') ++at;
  }
  uint64_t ticks = 0;
  if (*at == ' ') ++at;
  for (; *at >= '0' && *at <= '9'; ++at) ticks = ticks * 10 + static_cast<uint64_t>(*at - '0');
  return ticks;
}

options::Source source() {
  switch (heap::regions.source().kind()) {
    case sys::SourceKind::kBreak:
      return options::Source::kSbrk;
    case sys::SourceKind::kFile:
      return options::Source::kFile;
    case sys::SourceKind::kMap:
      break;
  }
  return options::Source::kMmap;
}

void write_walk(CounterSlot& slot, const heap::Figures& figures) {
  uint64_t spans = figures.large_blocks;
  for (unsigned i = 0; i < heap::kClasses; ++i) {
    const heap::ClassFigures& of_class = figures.classes[i];
    slot.classes.spans[i].store(of_class.spans, std::memory_order_relaxed);
    slot.classes.live_blocks[i].store(of_class.live_blocks, std::memory_order_relaxed);
    slot.classes.free_blocks[i].store(of_class.free_blocks, std::memory_order_relaxed);
    spans += of_class.spans;
  }
  const struct {
    Counter counter;
    uint64_t value;
  } table[] = {{Counter::kWalkSpans, spans},
               {Counter::kWalkBlocks, figures.live_blocks},
               {Counter::kWalkBytes, figures.live_bytes},
               {Counter::kFreeInSpanBytes, figures.free_in_span_bytes},
               {Counter::kDirtyCacheBytes, figures.dirty_bytes},
               {Counter::kMetadataBytes, figures.metadata_bytes},
               {Counter::kHugeAdvisedBytes, figures.advised_bytes},
               {Counter::kMappedBytes, figures.mapped_bytes},
               {Counter::kMappings, sys::count_mappings()},
               {Counter::kRegions, heap::regions.mapped_bytes() / heap::kRegion},
               {Counter::kThreadsSeen, figures.threads_seen},
               {Counter::kHeaps, figures.heaps},
               {Counter::kWalkLargeBlocks, figures.large_blocks},
               {Counter::kWalkLargeBytes, figures.large_bytes},
               {Counter::kWalkHugeBlocks, figures.outside_blocks},
               {Counter::kWalkHugeBytes, figures.outside_bytes}};
  for (const auto& [counter, value] : table) slot.set(counter, value);
  slot.make_known(format::Group::kWalk);
}

// What lies below the highest live block of the window and is neither live nor somebody else's.
uint64_t free_below(const heap::Figures& figures) {
  if (figures.highest_block == nullptr) return 0;
  const char* window = heap::page_map.address_of(0);
  const auto below = static_cast<uint64_t>(static_cast<const char*>(figures.highest_block) - window);
  uint64_t used = figures.live_bytes - figures.outside_bytes - heap::find_size(figures.highest_block);
  for (uint64_t region = 0; region < below / heap::kRegion; ++region) {
    if (!heap::regions.region_is_mapped(region)) used += heap::kRegion;
  }
  return used < below ? below - used : 0;
}

void write_break(CounterSlot& slot, const heap::Figures& figures) {
  const sys::Source& pages = heap::regions.source();
  if (pages.kind() != sys::SourceKind::kBreak) return;
  slot.set(Counter::kBreakInitial, reinterpret_cast<uint64_t>(pages.initial_break()));
  slot.set(Counter::kBreakCurrent, reinterpret_cast<uint64_t>(sys::current_break()));
  slot.set(Counter::kBreakHighest, reinterpret_cast<uint64_t>(pages.highest_break()));
  slot.set(Counter::kBreakPin, reinterpret_cast<uint64_t>(figures.highest_block));
  slot.set(Counter::kBreakStuckBytes, free_below(figures));
  slot.make_known(format::Group::kBreak);
}

uint64_t nanoseconds(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_usec) * 1'000;
}

}  // namespace

void describe_process(CounterSlot& slot, format::Birth birth, bool timed) {
  char executable[512];
  const long length = sys::raw_call(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>("/proc/self/exe"),
                                    reinterpret_cast<long>(executable), sizeof executable - 1);
  executable[length > 0 ? length : 0] = '\0';
  format::begin(slot, {sys::process_id(), static_cast<uint64_t>(sys::raw_call(SYS_getppid)), start_ticks(),
                       sys::monotonic_ns(), birth, static_cast<uint64_t>(source()), timed, executable});
}

void write_figures(CounterSlot& slot) {
  heap::Figures figures;
  if (!heap::measure(&figures)) return;
  write_walk(slot, figures);
  write_break(slot, figures);
}

void write_usage(CounterSlot& slot) {
  rusage usage{};
  if (sys::failed(sys::raw_call(SYS_getrusage, RUSAGE_SELF, reinterpret_cast<long>(&usage)))) return;
  slot.set(Counter::kUserNs, nanoseconds(usage.ru_utime));
  slot.set(Counter::kSystemNs, nanoseconds(usage.ru_stime));
  slot.set(Counter::kMinorFaults, static_cast<uint64_t>(usage.ru_minflt));
  slot.set(Counter::kMajorFaults, static_cast<uint64_t>(usage.ru_majflt));
  slot.set(Counter::kPeakRss, static_cast<uint64_t>(usage.ru_maxrss) * 1024);
  slot.make_known(format::Group::kUsage);
}

void write_kernel_calls(CounterSlot& slot) {
  for (size_t i = 0; i < sys::kCallKinds; ++i) {
    const auto call = static_cast<sys::Call>(i);
    const sys::CallCount count = sys::call_count(call);
    const size_t kind = format::index_of(kind_of(call));
    slot.kernel.calls[kind].store(count.calls, std::memory_order_relaxed);
    slot.kernel.failures[kind].store(count.failures, std::memory_order_relaxed);
    slot.kernel.bytes[kind].store(count.bytes, std::memory_order_relaxed);
  }
  slot.make_known(format::Group::kKernel);
}

format::KernelCall kind_of(sys::Call call) {
  using format::KernelCall;
  static constexpr KernelCall kKinds[sys::kCallKinds] = {
      KernelCall::kMmap,       KernelCall::kMunmap,     KernelCall::kMremap,  KernelCall::kAdviseDontneed,
      KernelCall::kAdviseHuge, KernelCall::kMprotect,   KernelCall::kBreakUp, KernelCall::kBreakDown,
      KernelCall::kFtruncate,  KernelCall::kAdviseGuard};
  return kKinds[static_cast<size_t>(call)];
}

}  // namespace loam::runtime
