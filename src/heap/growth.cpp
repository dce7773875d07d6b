#include "heap/growth.hpp"

#include "heap/large.hpp"
#include "heap/refill.hpp"
#include "heap/regions.hpp"
#include "heap/small_span.hpp"

namespace loam::heap {

void* allocate_growth(ThreadHeap& heap, size_t size) {
  if (size < kGrowFrom || size > kMaxSmall || is_busy(heap)) return nullptr;
  void* block = allocate_small(heap, kGrowthClass);
  if (block == nullptr) return nullptr;
  Span& span = *page_map.find(block);
  set_growth_size(span, block_index(span, block).index, size);
  return block;
}

bool outgrow(ThreadHeap& heap, Span& span, size_t size) {
  if (span.owner != &heap || size > kMaxInside || is_busy(heap)) return false;
  BusyMark mark(heap);
  const uint64_t bytes = base::align_up(size, kPage);
  const uint64_t slices = base::divide_up(bytes, meta::kSlice);
  const uint64_t first = page_map.slice_of(span.start);
  const uint64_t behind = first + span.slices;
  const uint64_t more = slices - span.slices;
  if (!regions.extend(behind, more)) return false;
  if (make_large(first, slices, bytes) == nullptr) {
    regions.release(behind, more, false);
    return false;
  }
  forget_span(heap, span);
  return true;
}

}  // namespace loam::heap
