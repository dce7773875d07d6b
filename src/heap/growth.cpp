#include "heap/growth.hpp"

#include "heap/fast_path.hpp"
#include "heap/refill.hpp"

namespace loam::heap {

void* allocate_growth(ThreadHeap& heap, size_t size) {
  if (size < kGrowFrom || size > kMaxSmall || is_busy(heap)) return nullptr;
  void* block = allocate_small(heap, kGrowthClass);
  if (block == nullptr) return nullptr;
  Span& span = *page_map.find(block);
  set_growth_size(span, block_index(span, block).index, size);
  return block;
}

}  // namespace loam::heap
