#include "runtime/sites.hpp"

#include <atomic>

#include "heap/large.hpp"
#include "heap/regions.hpp"
#include "meta/arena.hpp"
#include "runtime/call_stacks.hpp"
#include "runtime/heap_calls.hpp"
#include "stack/stack.hpp"

namespace loam::runtime {

namespace {

using heap::Found;
using heap::Span;
using heap::SpanKind;
using heap::ThreadHeap;

constexpr uint64_t kSampleFrom = 32;  // mean distances that the heap must have touched

constinit SiteTable table;
constinit uint64_t sample_bytes = 0;  // mean distance, 0: no samples
constinit std::atomic<bool> prepared{false};

uint64_t address_of(const void* block) { return reinterpret_cast<uint64_t>(block); }

// Uniform over twice the mean, so that a program whose allocations come in a rhythm is not sampled in step with it.
uint64_t distance(const ThreadHeap& heap, const void* block) {
  const uint64_t mixed = (address_of(block) ^ heap.drawn_bytes ^ heap.id) * 0x9e3779b97f4a7c15u;
  const uint64_t most = 2 * sample_bytes;
  return 1 + static_cast<uint64_t>(static_cast<unsigned __int128>(mixed) * most >> 64);
}

bool is_small(const Span* span) { return span != nullptr && span->kind == SpanKind::kSmall; }

uint32_t* notes_of(Span& span) {
  if (span.notes == nullptr) span.notes = meta::arena.allocate(size_t{span.blocks} * sizeof(uint32_t));
  return static_cast<uint32_t*>(span.notes);
}

// Of each block in stacks mode. The notes of a small span are its owner's and whoever frees: a block is noted before it is
// handed out and not looked at when it is freed.
void note(ThreadHeap* heap, void* block, const void* frame) {
  auto** memo = heap == nullptr ? nullptr : reinterpret_cast<stack::Memo**>(&heap->mode_state);
  const uint32_t stack = stack_above(memo, frame);
  Span* span = heap::page_map.find(block);
  if (!is_small(span)) {
    table.remember(address_of(block), stack);
    return;
  }
  if (uint32_t* notes = notes_of(*span)) notes[heap::block_index(*span, block).index] = stack;
}

}  // namespace

bool open_sites(const options::Values& values) {
  sample_bytes = values.sample_bytes;
  if (!values.stacks) return false;
  return stack::prepare();
}

sys::Lock& sites_lock() { return table.lock(); }

void sample(ThreadHeap& heap, void* block, const void* frame) {
  if (sample_bytes == 0) {
    heap.sample_at = UINT64_MAX;
    return;
  }
  const bool first = heap.sample_at == 0;
  heap.sample_at = heap.drawn_bytes + distance(heap, block);
  if (first || heap::regions.touched_bytes() / kSampleFrom < sample_bytes || heap::is_busy(heap)) return;
  if (!prepared.load(std::memory_order_acquire)) {
    if (!stack::prepare()) return;
    prepared.store(true, std::memory_order_release);
  }
  if (const uint32_t stack = stack_above(nullptr, frame); stack != stack::kNoStack) give_site(block, stack);
}

void forget_site(const Span* span, const void* block) {
  if (is_small(span)) {
    const heap::BlockIndex at = heap::block_index(*span, block);
    if (at.rest != 0 || !heap::is_watched(*span, at.index)) return;
  }
  table.take(address_of(block));
}

uint32_t take_site(const Found& found) {
  if (table.count() == 0) return 0;
  if (is_small(found.span) &&
      !heap::is_watched(*found.span, heap::block_index(*found.span, found.block).index))
    return 0;
  return table.take(address_of(found.block));
}

void give_site(void* block, uint32_t site) {
  if (!table.remember(address_of(block), site)) return;
  Span* span = heap::page_map.find(block);
  if (is_small(span)) heap::watch(*span, heap::block_index(*span, block).index);
}

uint32_t site_of(const void*, uint64_t, uint64_t block) {
  const auto* pointer = reinterpret_cast<const void*>(block);
  const Span* span = heap::page_map.find(pointer);
  if (is_small(span) && mode() == Mode::kStacks) {
    const auto* notes = static_cast<const uint32_t*>(span->notes);
    return notes == nullptr ? 0 : notes[heap::block_index(*span, pointer).index];
  }
  return table.recall(block);
}

uint64_t remembered_sites() { return table.count(); }

void* traced_allocate(ThreadHeap* heap, size_t size, size_t alignment, bool zeroed, const Origin& origin) {
  void* block = zeroed          ? heap_allocate_zeroed(heap, size)
                : alignment > 1 ? heap_allocate_aligned(heap, alignment, size)
                                : heap_allocate(heap, size);
  if (block != nullptr) note(heap, block, origin.frame);
  return block;
}

void* traced_resize(ThreadHeap* heap, const Found& found, size_t size, const Origin& origin) {
  void* block = heap_resize(heap, found, size);
  if (block != nullptr) note(heap, block, origin.frame);
  return block;
}

}  // namespace loam::runtime
