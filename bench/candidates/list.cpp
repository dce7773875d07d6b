// Candidate B: each span has an intrusive list of its free blocks; malloc takes the list whole and pops it without a
// counter, free pushes to the span's own list. A link is the index of the next block, xor'ed with the span's key and
// checked against the block count when it is followed. The state outside the blocks is one byte each (1 = free): a bit
// would cost both paths four more instructions. A block that waits in a taken list keeps the state 1 until it is popped,
// so its double free is seen like any other; the state of the index past the last block is 0 and ends every list.
//
// A pop reads the head, follows the link and stores the head: a handler in between would take the same block. Both paths
// therefore hide the heap meanwhile (the mark in shell.hpp's terms). Heartbeat: a taken list ends after 1024 blocks at most.
#include "common.hpp"

namespace candidate {

constexpr int32_t kFull =
    -1;  // list head of a span that is neither current nor waiting: its next free asks for attention

struct Span : SpanBase {
  int32_t list;  // index, count when empty, or kFull
  uint32_t key;
  uint32_t fresh;  // blocks from here on were never linked
  uint8_t state[kMaxBlocks + 1];
};
inline constinit Span g_no_span{};  // state[0] is 0: an empty list

struct Bin {
  Span* span = &g_no_span;
  uint64_t head = 0;
};
struct Heap : HeapBase {
  Bin bins[kClasses];
  Queue<Span> waiting[kClasses];
};

void* slow_take(Heap* h, unsigned cls);
void slow_give(Heap* h, Span* s, void* p);
void slow_beat(Heap* h, Span* s);

}  // namespace candidate
EXPORT void* malloc(size_t n);
EXPORT void free(void* p);
#include "shell.hpp"
namespace candidate {

inline void set_visible(Heap* h) { *const_cast<Heap* volatile*>(&t_heap) = h; }
inline uint8_t get_state(const Span* s, uint64_t i) {
  return __atomic_load_n(&s->state[i], __ATOMIC_RELAXED);
}
inline void set_state(Span* s, uint64_t i, uint8_t v) { __atomic_store_n(&s->state[i], v, __ATOMIC_RELAXED); }
inline uint32_t* link_of(void* p) { return static_cast<uint32_t*>(p); }

OPAQUE void bad_link(Span* s, void* p) {
  die("loam: the free block %p (%u bytes) was written to\n", p, s->size);
}
__attribute__((always_inline)) inline void* pop(Heap* h, Bin* bin, size_t n) {
  set_visible(&g_empty);
  Span* s = bin->span;
  const uint64_t i = bin->head;
  if (UNLIKELY(get_state(s, i) == 0)) return set_visible(h), malloc_slow(n);
  char* p = s->start + i * s->size;
  const uint32_t next = *link_of(p) ^ s->key;
  if (UNLIKELY(next > s->count)) return bad_link(s, p), nullptr;
  set_state(s, i, 0);
  bin->head = next;
  set_visible(h);
  return p;
}
Span* take_span(Heap* h, unsigned cls) {
  Span* s = h->waiting[cls].pop();
  if (s != nullptr) return s;
  s = new_span<Span>(h, cls);
  if (s == nullptr) return nullptr;
  s->list = static_cast<int32_t>(s->count);
  s->key = static_cast<uint32_t>((reinterpret_cast<uintptr_t>(s) * kQueueKey) >> 32);
  return s;
}
void link_fresh(Span* s) {  // about a page of blocks that no list has seen
  uint32_t end = s->fresh + (s->size >= 4096 ? 1 : 4096 / s->size);
  if (end > s->count) end = s->count;
  for (uint32_t i = end; i-- > s->fresh;) {
    *link_of(s->start + size_t{i} * s->size) = static_cast<uint32_t>(s->list) ^ s->key;
    s->list = static_cast<int32_t>(i), s->state[i] = 1;
  }
  s->fresh = end;
}
void* slow_take(Heap* h, unsigned cls) {
  Bin* bin = &h->bins[cls];
  Span* s = bin->span == &g_no_span ? nullptr : bin->span;
  if (s == nullptr || get_state(s, bin->head) == 0) {
    while (s == nullptr || (s->list == static_cast<int32_t>(s->count) && s->fresh == s->count)) {
      if (s != nullptr) s->list = kFull, s->next = s;
      s = take_span(h, cls);
      if (s == nullptr) return bin->span = &g_no_span, bin->head = 0, nullptr;
    }
    if (s->list == static_cast<int32_t>(s->count)) link_fresh(s);
    s->next = nullptr;
    bin->span = s, bin->head = static_cast<uint64_t>(s->list);
    s->list = static_cast<int32_t>(s->count);
  }
  const uint64_t i = bin->head;
  char* p = s->start + i * s->size;
  bin->head = *link_of(p) ^ s->key;
  if (bin->head > s->count) bad_link(s, p);
  s->state[i] = 0;
  return p;
}
void slow_beat(Heap*, Span*) {}
void slow_give(Heap* h, Span* s, void* p) {
  const uint64_t i = static_cast<size_t>(static_cast<char*>(p) - s->start) / s->size;
  if (s->state[i] != 0) die_block("double", p, s, "free");
  if (s->list == kFull) {
    s->list = static_cast<int32_t>(s->count);
    h->waiting[s->cls].push(s);
  }
  *link_of(p) = static_cast<uint32_t>(s->list) ^ s->key;
  s->list = static_cast<int32_t>(i), s->state[i] = 1;
}

}  // namespace candidate
#include "front.hpp"

using namespace candidate;

EXPORT void free(void* p) {
  const size_t slice = (reinterpret_cast<uintptr_t>(p) - g_map.base) >> kSliceShift;
  if (UNLIKELY(slice >= kSlices)) return free_slow(p);
  auto* s = record_at<Span>(slice);
  Heap* h = t_heap;
  if (UNLIKELY(s->owner != h)) return free_slow(p);
  const auto off = static_cast<uint64_t>(static_cast<char*>(p) - s->start);
  const auto product = static_cast<unsigned __int128>(off) * s->inverse;
  if (UNLIKELY(static_cast<uint64_t>(product) >= s->inverse2)) return bad_free(p, s);
  const auto i = static_cast<uint64_t>(product >> 64);
  if (UNLIKELY(get_state(s, i) != 0)) return bad_free(p, s);
  set_visible(&g_empty);
  const int32_t list = s->list;
  if (UNLIKELY(list < 0)) return set_visible(h), free_slow(p);
  *link_of(p) = static_cast<uint32_t>(list) ^ s->key;
  set_state(s, i, 1);
  s->list = static_cast<int32_t>(i);
  set_visible(h);
}
