// Which stack allocated a block: of a sample in fast mode, of every block in stacks mode.
//
// A sample is one block in about `sample_bytes` that stacks took from spans: what goes round between malloc and free of one thread
// is not counted, so a block freed and taken again costs nothing and is not seen; memory that grows is. A sampled small block is
// watched (heap/span.hpp): its free comes by here. Sampling begins when the heap has touched 32 times as much (16 MiB), since reading
// unwind tables costs a small program more memory than its samples would tell.
// Invariant: a block that is remembered is live, but for the moment between forget_site() and its free.
// Locking: that of the table.
#pragma once

#include "heap/find.hpp"
#include "options/options.hpp"
#include "runtime/runtime.hpp"
#include "runtime/site_table.hpp"

namespace loam::runtime {

// Returns whether every block's stack is to be remembered.
bool open_sites(const options::Values& values);
sys::Lock& sites_lock();

// Remembers who got the block, if the heap has drawn enough since the last sample. Called on slow paths only.
void sample(heap::ThreadHeap& heap, void* block, const void* frame);
inline void* sampled(heap::ThreadHeap* heap, void* block, const Origin& origin) {
  if (heap != nullptr && block != nullptr && heap->drawn_bytes >= heap->sample_at) [[unlikely]]
    sample(*heap, block, origin.frame);
  return block;
}
// Before a block is freed. `span`: null for a block outside the window.
void forget_site(const heap::Span* span, const void* block);
// A block that realloc moves or changes keeps the stack of its allocation: take_site() before, which returns 0 if nobody
// remembers it, give_site() after, for the block that there is then.
uint32_t take_site(const heap::Found& found);
void give_site(void* block, uint32_t site);

// The id of the stack that allocated the live block, 0 if nobody remembers; for scan::HeapView, which knows the span's record too.
// Requires: see SiteTable::recall().
uint32_t site_of(const void* record, uint64_t index, uint64_t block);
// Blocks that are remembered one by one now.
uint64_t remembered_sites();

// Stacks mode: every call takes the slow path.
void* traced_allocate(heap::ThreadHeap* heap, size_t size, size_t alignment, bool zeroed,
                      const Origin& origin);
void* traced_resize(heap::ThreadHeap* heap, const heap::Found& found, size_t size, const Origin& origin);

}  // namespace loam::runtime
