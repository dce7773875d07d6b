#include "runtime/statistics.hpp"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "base/bits.hpp"
#include "heap/fast_path.hpp"
#include "heap/large.hpp"
#include "meta/arena.hpp"
#include "report/messages.hpp"
#include "runtime/figures.hpp"
#include "runtime/heap_calls.hpp"
#include "runtime/runtime.hpp"
#include "sys/kernel.hpp"
#include "sys/proc.hpp"
#include "sys/syscall.hpp"

namespace loam::runtime {

namespace {

using format::Counter;
using format::CounterSlot;
using format::Level;
using heap::Found;
using heap::Span;
using heap::ThreadHeap;

struct State {
  format::CounterHeader* header = nullptr;
  CounterSlot* slot = nullptr;
  char path[options::kTextBytes] = {};
  std::atomic<uint64_t> next_walk_ns{0};
  std::atomic<bool> walking{false};
};

constinit State state;

// How old the walk's figures may be when a process dies without a word.
constexpr uint64_t kWalkEveryNs = 200'000'000;

void* map_shared(size_t bytes, uint64_t offset, void* at) {
  const long file =
      sys::raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(state.path), O_RDWR | O_CLOEXEC);
  if (sys::failed(file)) return nullptr;
  const long result =
      sys::raw_call(SYS_mmap, reinterpret_cast<long>(at), static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                    MAP_SHARED | (at != nullptr ? MAP_FIXED : 0), file, static_cast<long>(offset));
  sys::raw_call(SYS_close, file);
  return sys::failed(result) ? nullptr : reinterpret_cast<void*>(result);
}

void begin_slot(format::Birth birth) {
  describe_process(*state.slot, birth, true);
  state.slot->make_known(format::Group::kCalls);
  state.slot->make_known(format::Group::kKernel);
}

uint32_t* requested_of(Span& span) {
  if (span.notes == nullptr) span.notes = meta::arena.allocate(size_t{span.blocks} * sizeof(uint32_t));
  return static_cast<uint32_t*>(span.notes);
}

// Remembers, or with `take` tells, what was asked for. Blocks outside the window are counted as asked for in full.
void remember(const Found& found, size_t size) {
  if (found.span == nullptr) return;
  if (found.span->kind == heap::SpanKind::kLarge) {
    found.span->large_requested.store(size, std::memory_order_relaxed);
    return;
  }
  if (uint32_t* requested = requested_of(*found.span))
    requested[heap::block_index(*found.span, found.block).index] = static_cast<uint32_t>(size);
}

size_t recall(const Found& found) {
  if (found.span == nullptr) return found.size;
  if (found.span->kind == heap::SpanKind::kLarge)
    return found.span->large_requested.load(std::memory_order_relaxed);
  const auto* requested = static_cast<const uint32_t*>(found.span->notes);
  return requested == nullptr ? found.size : requested[heap::block_index(*found.span, found.block).index];
}

bool is_small(const Found& found) {
  return found.span != nullptr && found.span->kind == heap::SpanKind::kSmall;
}

void count_born(const Found& found, size_t size) {
  CounterSlot& slot = *state.slot;
  remember(found, size);
  const size_t requested = found.span == nullptr ? found.size : size;
  slot.add(Counter::kRequestedBytes, requested);
  slot.add(Counter::kUsableBytes, found.size);
  slot.add(Counter::kPaddingLive, found.size - requested);
  slot.add(Counter::kLiveRequested, requested);
  slot.add(Counter::kLiveUsable, found.size);
  slot.add(Counter::kLiveBlocks, 1);
  slot.raise(Counter::kPeakRequested, slot.get(Counter::kLiveRequested));
  slot.raise(Counter::kPeakUsable, slot.get(Counter::kLiveUsable));
  slot.raise(Counter::kPeakBlocks, slot.get(Counter::kLiveBlocks));
  if (is_small(found))
    slot.classes.allocations[found.span->class_index].fetch_add(1, std::memory_order_relaxed);
  else
    slot.add(found.span != nullptr ? Counter::kLargeAllocations : Counter::kHugeAllocations, 1);
}

void count_dead(const Found& found) {
  CounterSlot& slot = *state.slot;
  const size_t requested = recall(found);
  slot.subtract(Counter::kPaddingLive, found.size - requested);
  slot.subtract(Counter::kLiveRequested, requested);
  slot.subtract(Counter::kLiveUsable, found.size);
  slot.subtract(Counter::kLiveBlocks, 1);
  if (is_small(found))
    slot.classes.frees[found.span->class_index].fetch_add(1, std::memory_order_relaxed);
  else
    slot.add(found.span != nullptr ? Counter::kLargeFrees : Counter::kHugeFrees, 1);
}

void refresh_figures() {
  const uint64_t now = sys::coarse_ns();
  uint64_t due = state.next_walk_ns.load(std::memory_order_relaxed);
  if (now < due || !state.next_walk_ns.compare_exchange_strong(due, now + kWalkEveryNs)) return;
  if (state.walking.exchange(true, std::memory_order_acquire)) return;
  write_figures(*state.slot);
  state.walking.store(false, std::memory_order_release);
}

// What an allocation had to go through, told from the outside: the stack before, spans and kernel calls before and
// after.
struct Before {
  ThreadHeap* heap;
  bool aside;  // a small block, and no stack may be touched
  bool stack_has_block;
  unsigned class_index;
  uint32_t spans;  // of the class
  uint64_t kernel_calls;
};

Before look(ThreadHeap* heap, size_t size) {
  const bool small = size <= heap::kMaxSmall;
  const bool aside = small && (heap == nullptr || heap::is_busy(*heap));
  const unsigned index = small ? heap::class_of(size == 0 ? 1 : size) : 0;
  return {heap,
          aside,
          small && !aside && heap->stack(index).top->block != nullptr,
          index,
          heap != nullptr ? heap->classes[index].spans : 0,
          sys::total_calls()};
}

void count_level(const Before& before, const Found& found) {
  CounterSlot& slot = *state.slot;
  if (sys::total_calls() != before.kernel_calls) {
    slot.count_level(Level::kKernel);
    slot.add(Counter::kKernelAllocations, 1);
  } else if (before.aside) {
    slot.count_level(Level::kEmergency);
  } else if (before.stack_has_block) {
    slot.count_level(Level::kStack);
  } else if (is_small(found) && before.heap->classes[before.class_index].spans <= before.spans) {
    slot.count_level(Level::kSpan);
  } else {
    slot.count_level(Level::kRegion);
  }
}

void* count_allocation(const Before& before, void* block, size_t size, format::Symbol symbol) {
  state.slot->count_symbol(symbol);
  if (block == nullptr) {
    state.slot->add(Counter::kFailures, 1);
    return nullptr;
  }
  const Found found = heap::find(block);
  count_level(before, found);
  count_born(found, size);
  refresh_figures();
  return block;
}

void observe(sys::Call call, uint64_t nanoseconds, uint64_t bytes, bool failed) {
  state.slot->count_kernel(kind_of(call), nanoseconds, bytes, failed);
}

}  // namespace

bool open_statistics(const options::Values& values) {
  for (size_t i = 0; i < sizeof state.path; ++i) state.path[i] = values.stats_path[i];
  state.header = static_cast<format::CounterHeader*>(map_shared(format::kHeaderBytes, 0, nullptr));
  if (state.header == nullptr) {
    report::complaint("the counter file cannot be mapped, this process is not counted");
    return false;
  }
  const uint64_t slot = format::claim(*state.header, sys::process_id());
  if (slot == format::kNoSlot) return false;
  state.slot = static_cast<CounterSlot*>(map_shared(format::kSlotBytes, format::slot_offset(slot), nullptr));
  if (state.slot == nullptr) return false;
  uint64_t sizes[heap::kClasses];
  for (unsigned i = 0; i < heap::kClasses; ++i) sizes[i] = heap::kSizeClasses[i].size;
  state.header->set_classes(sizes, heap::kClasses);
  begin_slot(format::Birth::kStarted);
  sys::set_observer(observe);
  return true;
}

void restart_statistics() {
  const format::LiveFigures live = format::live_figures(*state.slot);
  const uint64_t slot = format::claim(*state.header, sys::process_id());
  void* mapped = slot == format::kNoSlot
                     ? nullptr
                     : map_shared(format::kSlotBytes, format::slot_offset(slot), state.slot);
  if (mapped == nullptr) {
    // The child's counts must not run into the parent's record.
    sys::raw_call(SYS_mmap, reinterpret_cast<long>(state.slot), format::kSlotBytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return;
  }
  begin_slot(format::Birth::kForked);
  format::inherit(*state.slot, live);
}

const CounterSlot* statistics_slot() { return state.slot; }

void* counted_allocate(ThreadHeap* heap, size_t size, format::Symbol symbol) {
  const Before before = look(heap, size);
  return count_allocation(before, heap_allocate(heap, size), size, symbol);
}

void* counted_allocate_zeroed(ThreadHeap* heap, size_t size, format::Symbol symbol) {
  const Before before = look(heap, size);
  return count_allocation(before, heap_allocate_zeroed(heap, size), size, symbol);
}

void* counted_allocate_aligned(ThreadHeap* heap, size_t alignment, size_t size, format::Symbol symbol) {
  const Before before = look(heap, size);
  return count_allocation(before, heap_allocate_aligned(heap, alignment, size), size, symbol);
}

void counted_release(ThreadHeap* heap, void* block, format::Symbol symbol) {
  state.slot->count_symbol(symbol);
  const Found found = expect_block(block, report::Operation::kFree);
  if (found.where == heap::Where::kNowhere) {
    state.slot->add(Counter::kForeignFrees, 1);
    release_foreign(block);
    return;
  }
  if (is_small(found) && found.span->owner != heap) state.slot->add(Counter::kRemoteFrees, 1);
  count_dead(found);
  heap_release(heap, block);
}

void* counted_resize(ThreadHeap* heap, void* block, const Found& found, size_t size, format::Symbol symbol) {
  CounterSlot& slot = *state.slot;
  slot.count_symbol(symbol);
  if (found.where == heap::Where::kNowhere) {
    slot.add(Counter::kForeignReallocs, 1);
    return resize_foreign(block, size);
  }
  const size_t asked_before = recall(found);
  count_dead(found);
  void* resized = heap_resize(heap, found, size);
  if (resized == nullptr) {
    slot.add(Counter::kFailures, 1);
    count_born(found, asked_before);
    return nullptr;
  }
  const bool outside = found.span == nullptr && size > heap::kMaxInside;
  slot.add(resized == block ? Counter::kReallocInPlace
           : outside        ? Counter::kReallocRemapped
                            : Counter::kReallocMoved,
           1);
  count_born(heap::find(resized), size);
  return resized;
}

void finish_statistics() {
  if (state.slot == nullptr) return;
  write_figures(*state.slot);
  write_resident(*state.slot);
  write_usage(*state.slot);
  format::end(*state.slot, sys::monotonic_ns());
}

}  // namespace loam::runtime
