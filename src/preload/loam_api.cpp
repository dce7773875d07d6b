// The functions of loam.h.
#include <loam/loam.h>

#include "heap/find.hpp"
#include "heap/large.hpp"
#include "heap/outside.hpp"
#include "heap/registry.hpp"
#include "heap/walk.hpp"
#include "preload/export.hpp"
#include "report/messages.hpp"
#include "runtime/notes.hpp"
#include "runtime/runtime.hpp"
#include "sys/kernel.hpp"

namespace {

namespace heap = loam::heap;

constexpr uint32_t kNoHeap = UINT32_MAX;

uint32_t heap_number(const heap::Span* span) {
  return span != nullptr && span->kind == heap::SpanKind::kSmall ? span->owner->id : kNoHeap;
}

loam_state state_of(heap::Where where) {
  switch (where) {
    case heap::Where::kNowhere:
      return LOAM_NOT_OURS;
    case heap::Where::kLive:
      return LOAM_LIVE;
    case heap::Where::kFreeBlock:
      return LOAM_FREE_BLOCK;
    case heap::Where::kRest:
    case heap::Where::kFreeSpan:
      break;
  }
  return LOAM_FREE_SPAN;
}

struct Walk {
  int (*visit)(const loam_block*, void*);
  void* argument;
  int stopped;
};

void visit_block(Walk& walk, char* block, size_t size, uint32_t number) {
  if (walk.stopped != 0) return;
  const loam_block seen = {block, size, LOAM_LIVE, number};
  walk.stopped = walk.visit(&seen, walk.argument);
}

void visit_span(heap::Span& span, void* argument) {
  auto& walk = *static_cast<Walk*>(argument);
  if (span.kind == heap::SpanKind::kLarge) {
    visit_block(walk, heap::large_block(span), span.large_bytes.load(std::memory_order_relaxed), kNoHeap);
    return;
  }
  for (uint64_t i = 0; i < span.blocks && walk.stopped == 0; ++i) {
    if (!heap::is_free(span, i)) visit_block(walk, heap::block_at(span, i), span.block_size, span.owner->id);
  }
}

void visit_outside(const heap::OutsideBlock& block, void* argument) {
  visit_block(*static_cast<Walk*>(argument), block.block, block.bytes, kNoHeap);
}

struct ThreadWalk {
  loam_thread_bytes* entries;
  size_t count;
};

void add_to_thread(heap::Span& span, void* argument) {
  auto& walk = *static_cast<ThreadWalk*>(argument);
  if (span.kind != heap::SpanKind::kSmall) return;
  const uint64_t live = heap::count_live(span);
  for (size_t i = 0; i < walk.count; ++i) {
    if (walk.entries[i].heap != span.owner->id) continue;
    walk.entries[i].live_blocks += live;
    walk.entries[i].live_bytes += live * span.block_size;
  }
}

}  // namespace

LOAM_EXPORT const char* loam_version(void) { return LOAM_VERSION; }

LOAM_EXPORT loam_state loam_find(const void* word, loam_block* block) {
  const heap::Found found = heap::find(word);
  const loam_state state = state_of(found.where);
  const bool in_block = state == LOAM_LIVE || state == LOAM_FREE_BLOCK;
  *block = {in_block ? found.block : nullptr, in_block ? found.size : 0, state, heap_number(found.span)};
  return state;
}

LOAM_EXPORT int loam_walk(int (*visit)(const loam_block*, void*), void* argument) {
  Walk walk{visit, argument, 0};
  heap::for_each_span(visit_span, &walk);
  if (walk.stopped == 0) heap::for_each_outside(visit_outside, &walk);
  return walk.stopped;
}

LOAM_EXPORT void loam_stats(loam_statistics* statistics) {
  heap::Figures figures;
  heap::measure(&figures);
  *statistics = {figures.live_blocks,
                 figures.live_bytes,
                 figures.free_in_span_bytes,
                 figures.dirty_bytes,
                 figures.mapped_bytes,
                 figures.metadata_bytes,
                 figures.advised_bytes,
                 figures.large_blocks + figures.outside_blocks,
                 figures.large_bytes + figures.outside_bytes,
                 figures.heaps,
                 figures.threads_seen,
                 loam::sys::total_calls()};
}

LOAM_EXPORT size_t loam_threads(loam_thread_bytes* entries, size_t count) {
  size_t heaps = 0;
  for (heap::ThreadHeap* h = heap::first_heap(); h != nullptr; h = h->next_heap, ++heaps) {
    if (heaps < count) entries[heaps] = {h->id, h->thread, 0, 0};
  }
  ThreadWalk walk{entries, heaps < count ? heaps : count};
  heap::for_each_span(add_to_thread, &walk);
  return heaps;
}

LOAM_EXPORT unsigned long loam_kernel_calls(void) { return loam::sys::total_calls(); }

LOAM_EXPORT int loam_verify(void) {
  const char* wrong = heap::verify();
  if (wrong != nullptr) loam::report::complaint(wrong);
  return wrong == nullptr ? 0 : 1;
}

LOAM_EXPORT int loam_checking(void) {
  loam::runtime::start();
  return loam::runtime::mode() == loam::runtime::Mode::kCheck ? 1 : 0;
}

LOAM_EXPORT void loam_note(const void* block, const char* text) {
  if (loam::runtime::mode() == loam::runtime::Mode::kCheck) loam::runtime::note(block, text);
}
