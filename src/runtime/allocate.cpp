#include <cstring>

#include "heap/fast_path.hpp"
#include "heap/large.hpp"
#include "heap/refill.hpp"
#include "runtime/checking.hpp"
#include "runtime/heap_calls.hpp"
#include "runtime/passive.hpp"
#include "runtime/placing.hpp"
#include "runtime/recording.hpp"
#include "runtime/runtime.hpp"
#include "runtime/sites.hpp"
#include "runtime/statistics.hpp"

namespace loam::runtime {

using heap::ThreadHeap;

namespace {

void* draw_large(ThreadHeap* heap, size_t size, size_t alignment, bool* zero = nullptr) {
  if (heap != nullptr) heap->drawn_bytes += size;
  return heap::allocate_large(size, alignment, zero);
}

}  // namespace

void* heap_allocate(ThreadHeap* heap, size_t size) {
  if (size > PTRDIFF_MAX) return nullptr;
  if (size > heap::kMaxSmall || heap == nullptr) return draw_large(heap, size, meta::kSlice);
  return heap::allocate_small(*heap, heap::class_of(size == 0 ? 1 : size), nullptr, heap::Fit::kLoose);
}

void* heap_allocate_zeroed(ThreadHeap* heap, size_t size) {
  if (size > PTRDIFF_MAX) return nullptr;
  bool zero = false;
  void* block;
  if (size > heap::kMaxSmall || heap == nullptr) {
    block = draw_large(heap, size, meta::kSlice, &zero);
  } else {
    block = heap::allocate_small(*heap, heap::class_of(size == 0 ? 1 : size), &zero, heap::Fit::kLoose);
  }
  if (block != nullptr && !zero) memset(block, 0, heap::find_size(block));
  return block;
}

void* heap_allocate_aligned(ThreadHeap* heap, size_t alignment, size_t size) {
  if (size > PTRDIFF_MAX) return nullptr;
  if (alignment <= heap::kGranule) return heap_allocate(heap, size);
  if (size == 0) size = 1;
  // Spans start on slices, so that every block of a class whose size is a multiple of the alignment has it.
  if (alignment <= meta::kSlice && size <= heap::kMaxSmall && heap != nullptr) {
    const size_t rounded = base::align_up(size, alignment);
    for (size_t candidate = rounded; candidate <= heap::kMaxSmall && candidate <= 2 * rounded;
         candidate += alignment) {
      const unsigned index = heap::class_of(candidate);
      if (heap::kSizeClasses[index].size % alignment == 0) return heap::allocate_small(*heap, index);
    }
  }
  return draw_large(heap, size, alignment < meta::kSlice ? meta::kSlice : alignment);
}

void* allocate_slow(size_t size, Origin origin) {
  ThreadHeap* heap = thread_heap();
  switch (mode()) {
    case Mode::kStats:
      return counted_allocate(heap, size, origin.symbol);
    case Mode::kCheck:
      return checked_allocate(heap, size, 1, origin, false);
    case Mode::kPassive:
      return passive_allocate(size);
    case Mode::kRecord:
      return recorded_malloc(heap, size, origin.frame);
    case Mode::kPolicy:
      return placed_allocate(heap, size, 1);
    case Mode::kStacks:
      return traced_allocate(heap, size, 1, false, origin);
    case Mode::kFast:
    case Mode::kUnstarted:
      break;
  }
  return sampled(heap, heap_allocate(heap, size), origin);
}

void* allocate_zeroed(size_t size, Origin origin) {
  ThreadHeap* heap = thread_heap();
  switch (mode()) {
    case Mode::kStats:
      return counted_allocate_zeroed(heap, size, origin.symbol);
    case Mode::kCheck:
      return checked_allocate(heap, size, 1, origin, true);
    case Mode::kPassive:
      return passive_allocate_zeroed(size);
    case Mode::kRecord:
      return recorded_allocate(heap, size, 1, true, origin.frame);
    case Mode::kPolicy:
      return placed_allocate_zeroed(heap, size);
    case Mode::kStacks:
      return traced_allocate(heap, size, 1, true, origin);
    case Mode::kFast:
    case Mode::kUnstarted:
      break;
  }
  return sampled(heap, heap_allocate_zeroed(heap, size), origin);
}

void* allocate_aligned(size_t alignment, size_t size, Origin origin) {
  ThreadHeap* heap = thread_heap();
  switch (mode()) {
    case Mode::kStats:
      return counted_allocate_aligned(heap, alignment, size, origin.symbol);
    case Mode::kCheck:
      return checked_allocate(heap, size, alignment, origin, false);
    case Mode::kPassive:
      return passive_allocate_aligned(alignment, size);
    case Mode::kRecord:
      return recorded_allocate(heap, size, alignment, false, origin.frame);
    case Mode::kPolicy:
      return placed_allocate(heap, size, alignment);
    case Mode::kStacks:
      return traced_allocate(heap, size, alignment, false, origin);
    case Mode::kFast:
    case Mode::kUnstarted:
      break;
  }
  return sampled(heap, heap_allocate_aligned(heap, alignment, size), origin);
}

}  // namespace loam::runtime
