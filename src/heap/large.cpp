#include "heap/large.hpp"

#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "heap/span_table.hpp"

namespace loam::heap {

namespace {

using sys::poke;

void give_slices(uint64_t slice, uint64_t slices, bool zero) {
  if (slices > 0) regions.release(slice, slices, zero);
}

// A run whose address has an alignment above that of slices: claimed with room in front and behind, which goes back.
Run claim_aligned(uint64_t slices, size_t alignment) {
  const uint64_t room = alignment / meta::kSlice - 1;
  Run run = regions.claim(slices + room);
  if (!run.found) return run;
  const auto address = reinterpret_cast<uint64_t>(page_map.address_of(run.slice));
  const uint64_t front = (base::align_up(address, alignment) - address) / meta::kSlice;
  give_slices(run.slice, front, run.zero);
  give_slices(run.slice + front + slices, room - front, run.zero);
  run.slice += front;
  return run;
}

}  // namespace

Span* make_large(uint64_t slice, uint64_t slices, uint64_t bytes) {
  Span* span = take_large_record();
  if (span == nullptr) return nullptr;
  poke(span->start, page_map.address_of(slice));
  poke(span->slices, static_cast<uint32_t>(slices));
  poke(span->blocks, 1);
  poke(span->block_size, static_cast<uint32_t>(bytes));
  span->large_bytes.store(bytes, std::memory_order_relaxed);
  poke(span->inverse, 0);
  poke(span->owner, nullptr);
  poke(span->kind, SpanKind::kLarge);
  span->state.store(SpanState::kLive, std::memory_order_release);
  enter(*span, slice);
  return span;
}

void* allocate_large(size_t size, size_t alignment, bool* zero) {
  const uint64_t bytes = base::align_up(size == 0 ? 1 : size, kPage);
  if (bytes > kMaxInside || alignment > kMaxInside) return allocate_outside(bytes, alignment, zero);
  const uint64_t slices = base::divide_up(bytes, meta::kSlice);
  const Run run = alignment <= meta::kSlice ? regions.claim(slices) : claim_aligned(slices, alignment);
  // The window may be full, or closed in by other mappings, or about to grow in the very call that a signal handler has
  // interrupted, while the kernel still has room elsewhere.
  if (!run.found) return allocate_outside(bytes, alignment, zero);
  // The slices first: when there is no memory for records either, theirs may be had again.
  recycle_records(run.slice, slices);
  Span* span = make_large(run.slice, slices, bytes);
  // No record: perhaps just now only, in a signal handler that interrupted whoever was taking memory for records.
  if (span == nullptr) {
    regions.release(run.slice, slices, run.zero);
    return allocate_outside(bytes, alignment, zero);
  }
  if (zero != nullptr) *zero = run.zero;
  return span->start;
}

bool release_large(Span& span, void* block) {
  if (block != large_block(span)) return false;
  // Acquire-release: of two threads that free the block at once, exactly one finds it live.
  if (span.state.exchange(SpanState::kFree, std::memory_order_acq_rel) != SpanState::kLive) return false;
  leave_large(span);
  regions.release(page_map.slice_of(span.start), span.slices, false);
  regions.purge_excess();
  return true;
}

bool resize_large(Span& span, size_t new_size) {
  const uint64_t bytes = base::align_up(new_size, kPage);
  if (bytes > kMaxInside) return false;
  const uint64_t slices = base::divide_up(bytes, meta::kSlice);
  const uint64_t first = page_map.slice_of(span.start);
  if (slices > span.slices) {
    const uint64_t from = first + span.slices;
    const uint64_t more = slices - span.slices;
    if (!regions.extend(from, more)) return false;
    poke(span.slices, static_cast<uint32_t>(slices));
    enter(span, first);
  } else if (slices < span.slices) {
    const uint64_t less = span.slices - slices;
    page_map.set(first + slices, less, &none_span);
    poke(span.slices, static_cast<uint32_t>(slices));
    regions.release(first + slices, less, false);
    regions.purge_excess();
  }
  poke(span.block_size, static_cast<uint32_t>(bytes));
  span.large_bytes.store(bytes, std::memory_order_relaxed);
  return true;
}

}  // namespace loam::heap
