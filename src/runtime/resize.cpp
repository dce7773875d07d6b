// realloc: in place where the block's span or the slices behind it allow, by moving pages outside the window, else by
// a copy.
#include <cstring>

#include "base/bits.hpp"
#include "heap/fast_path.hpp"
#include "heap/growth.hpp"
#include "heap/large.hpp"
#include "heap/outside.hpp"
#include "heap/size_class.hpp"
#include "runtime/checking.hpp"
#include "runtime/heap_calls.hpp"
#include "runtime/passive.hpp"
#include "runtime/placing.hpp"
#include "runtime/recording.hpp"
#include "runtime/runtime.hpp"
#include "runtime/sites.hpp"
#include "runtime/statistics.hpp"

namespace loam::runtime {

namespace {

using heap::Found;
using heap::ThreadHeap;

// A block may stay in a larger one than it needs while at most one eighth is left over.
bool fits_well(size_t size, size_t block_size) {
  return size <= block_size && block_size - size <= block_size / 8;
}

// The fast ways first: a short chain of reallocs is little else than this.
void* take_fresh(ThreadHeap* heap, size_t size, bool grows) {
  void* fresh = heap != nullptr && grows ? heap::allocate_growth(*heap, size) : nullptr;
  if (fresh != nullptr) return fresh;
  const auto otherwise = [=] { return heap_allocate(heap, size); };
  return size <= heap::kMaxDirect ? heap::pop_direct(size, otherwise) : otherwise();
}

void release_old(ThreadHeap* heap, void* block) {
  switch (heap::put_back(heap::fast_heap, block)) {
    case heap::Released::kDone:
      return;
    case heap::Released::kAttend:
      attend_slow();
      return;
    case heap::Released::kSlow:
      heap_release(heap, block);
  }
}

void* move(ThreadHeap* heap, const Found& found, size_t size) {
  void* fresh = take_fresh(heap, size, size > found.size);
  if (fresh == nullptr) return nullptr;
  memcpy(fresh, found.block, size < found.size ? size : found.size);
  release_old(heap, found.block);
  return fresh;
}

}  // namespace

void* heap_resize(ThreadHeap* heap, const Found& found, size_t size) {
  if (size > PTRDIFF_MAX) return nullptr;
  const bool large = found.span == nullptr || found.span->kind == heap::SpanKind::kLarge;
  if (!large && heap::is_growth(*found.span)) {
    if (size >= heap::kGrowFrom && size <= heap::kMaxSmall) {
      heap::set_growth_size(*found.span, heap::block_index(*found.span, found.block).index, size);
      return found.block;
    }
    if (size > heap::kMaxSmall && heap != nullptr && heap::outgrow(*heap, *found.span, size))
      return found.block;
  } else if (!large) {
    const bool same_class = size <= heap::kMaxSmall && heap::class_of(size) == found.span->class_index;
    if (same_class || fits_well(size, found.size)) return found.block;
  } else if (size > heap::kMaxSmall) {
    if (found.span != nullptr && heap::resize_large(*found.span, size)) return found.block;
    if (found.span == nullptr && size > heap::kMaxInside) {
      if (base::align_up(size, heap::kPage) == found.size) return found.block;
      if (void* moved = heap::resize_outside(found.block, size)) return moved;
    }
  }
  void* moved = move(heap, found, size);
  // Shrinking cannot fail: without memory for a smaller block the old one serves.
  return moved == nullptr && size <= found.size ? found.block : moved;
}

void* resize(void* block, size_t size, Origin origin) {
  ThreadHeap* heap = thread_heap(block);
  if (mode() == Mode::kPassive) return passive_resize(block, size);
  if (mode() == Mode::kCheck) return checked_resize(heap, block, size, origin);
  if (mode() == Mode::kPolicy) return placed_resize(heap, block, size);
  const Found found = expect_block(block, report::Operation::kRealloc);
  if (mode() == Mode::kStats) return counted_resize(heap, block, found, size, origin.symbol);
  if (found.where == heap::Where::kNowhere) return resize_foreign(block, size);
  if (mode() == Mode::kRecord) return recorded_resize(heap, found, size, origin);
  if (mode() == Mode::kStacks) return traced_resize(heap, found, size, origin);
  const uint32_t site = take_site(found);
  void* resized = heap_resize(heap, found, size);
  if (site == 0) return sampled(heap, resized, origin);
  give_site(resized == nullptr ? found.block : resized, site);
  return resized;
}

size_t usable_size(void* block) {
  if (mode() == Mode::kPassive) return passive_usable_size(block);
  if (mode() == Mode::kCheck) return checked_usable_size(block);
  if (mode() == Mode::kPolicy) return placed_usable_size(block);
  const Found found = expect_block(block, report::Operation::kUsableSize);
  return found.where == heap::Where::kNowhere ? usable_size_foreign(block) : found.size;
}

}  // namespace loam::runtime
