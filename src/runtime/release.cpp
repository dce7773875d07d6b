#include "base/bits.hpp"
#include "heap/fast_path.hpp"
#include "heap/large.hpp"
#include "heap/outside.hpp"
#include "heap/refill.hpp"
#include "heap/regions.hpp"
#include "heap/registry.hpp"
#include "heap/remote.hpp"
#include "runtime/checking.hpp"
#include "runtime/heap_calls.hpp"
#include "runtime/passive.hpp"
#include "runtime/placing.hpp"
#include "runtime/recording.hpp"
#include "runtime/runtime.hpp"
#include "runtime/sites.hpp"
#include "runtime/statistics.hpp"
#include "sys/kernel.hpp"

namespace loam::runtime {

namespace {

using heap::Found;
using heap::Span;
using heap::ThreadHeap;
using heap::Where;

const void* slice_start(const void* pointer) {
  return reinterpret_cast<const void*>(base::align_down(reinterpret_cast<uint64_t>(pointer), meta::kSlice));
}

[[noreturn]] void report_pointer(const void* pointer, const Found& found, report::Operation operation) {
  using heap::FaultKind;
  const bool live = found.where == Where::kLive;
  const bool retired = found.span != nullptr && found.span->kind == heap::SpanKind::kRetired;
  if (found.block == nullptr && !retired) report::not_a_block(operation, pointer, "free span");
  heap::Fault fault = {live ? FaultKind::kInterior : FaultKind::kDoubleFree,
                       pointer,
                       found.block,
                       found.size,
                       found.block,
                       found.size,
                       live};
  if (retired) {
    // The span is gone; what stood in these slices is known by size only.
    fault.block = pointer;
    fault.span = slice_start(pointer);
    fault.span_size = meta::kSlice;
  } else if (found.span != nullptr) {
    fault.span = found.span->start;
    fault.span_size = size_t{found.span->slices} * meta::kSlice;
  }
  if (fault.block != pointer) fault.kind = FaultKind::kInterior;
  report::fault(operation, fault);
}

}  // namespace

Freed heap_release(ThreadHeap* heap, void* block) {
  Span* span = heap::page_map.find(block);
  forget_site(span, block);
  bool done = false;
  if (span == nullptr) {
    if (heap::release_outside(block)) return Freed::kDone;
    if (heap::find(block).where == Where::kNowhere) return Freed::kForeign;
  } else if (span->kind == heap::SpanKind::kLarge) {
    done = heap::release_large(*span, block);
  } else if (span->kind == heap::SpanKind::kSmall) {
    done = heap != nullptr && !heap::is_busy(*heap) ? heap::take(*heap, *span, block)
                                                    : heap::send_stray(*span, block);
  }
  if (!done) report_pointer(block, heap::find(block), report::Operation::kFree);
  return Freed::kDone;
}

Found expect_block(const void* block, report::Operation operation) {
  const Found found = heap::find(block);
  if (found.where == Where::kNowhere || (found.where == Where::kLive && found.block == block)) return found;
  report_pointer(block, found, operation);
}

void attend_slow() {
  if (ThreadHeap* heap = thread_heap()) heap::attend(*heap);
}

bool trim() {
  const uint64_t before =
      sys::call_count(sys::Call::kPurge).calls + sys::call_count(sys::Call::kBreakDown).calls;
  // The orphans first: what they hold of this thread's spans comes home.
  heap::trim_orphans();
  ThreadHeap* heap = thread_heap();
  if (heap != nullptr && !heap::is_busy(*heap)) heap::trim(*heap);
  heap::regions.purge(0, true);
  return sys::call_count(sys::Call::kPurge).calls + sys::call_count(sys::Call::kBreakDown).calls != before;
}

void release_slow(void* block, Origin origin) {
  if (block == nullptr) return;
  ThreadHeap* heap = thread_heap(block);
  switch (mode()) {
    case Mode::kStats:
      return counted_release(heap, block, origin.symbol);
    case Mode::kCheck:
      return checked_release(heap, block, origin);
    case Mode::kPassive:
      return passive_release(block);
    case Mode::kRecord:
      return recorded_release(heap, block);
    case Mode::kPolicy:
      return placed_release(heap, block);
    case Mode::kStacks:
    case Mode::kFast:
    case Mode::kUnstarted:
      break;
  }
  if (heap_release(heap, block) == Freed::kForeign) release_foreign(block);
}

void release_sized(void* block, size_t size, Origin origin) {
  if (block == nullptr || mode() != Mode::kCheck) return release_slow(block, origin);
  checked_release_sized(thread_heap(), block, size, origin);
}

}  // namespace loam::runtime
