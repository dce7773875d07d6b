// Candidate C: the thread heap has a stack of free blocks for each class; an entry is the block and the place of its
// state. The state outside the blocks is one byte each (1 = free); a bit would need a shift, a mask and a check more on
// both paths. Spans know by a bitmap which blocks lie in no stack; the slow half refills and flushes in batches.
//
// Push and pop read and write the top by separate instructions, so both hide the heap meanwhile (the mark in shell.hpp's
// terms). One counter is heartbeat and bound at once: it starts at the room left in the stack and each free takes one.
// The heap's own fast path (src/heap/fast_path.hpp) is this one, but for a limit of the stack beside its top instead of the
// counter, and a state that counting up makes free.
#include "common.hpp"

namespace candidate {

struct Entry {
  char* block = nullptr;
  uint8_t* state = nullptr;
};
inline constinit Entry g_no_entry[1] = {};  // the bottom of every stack is a null block

struct Bin {
  Entry* top = g_no_entry;
  int32_t room = 0;
  int32_t capacity = 0;
};
struct Span : SpanBase {
  Bin* bin;           // of the owner and class
  uint64_t bits[16];  // 1 = free and in no stack
  uint8_t state[kMaxBlocks];
};
struct Heap : HeapBase {
  Bin bins[kClasses];
  Entry* bottom[kClasses];
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

__attribute__((always_inline)) inline void* pop(Heap* h, Bin* bin, size_t n) {
  set_visible(&g_empty);
  Entry* e = bin->top;
  char* p = e->block;
  if (UNLIKELY(p == nullptr)) return set_visible(h), malloc_slow(n);
  *const_cast<volatile uint8_t*>(e->state) = 0;
  bin->top = e - 1;
  set_visible(h);
  return p;
}
void queue_span(Heap* h, Span* s) {
  if (s->next == s) h->waiting[s->cls].push(s);  // else it is waiting already
}
Span* first_span(Heap* h, unsigned cls) {
  Span* s = h->waiting[cls].first;
  if (s != nullptr) return s;
  s = new_span<Span>(h, cls);
  if (s == nullptr) return nullptr;
  s->bin = &h->bins[cls], s->next = s;
  for (unsigned i = 0; i < s->count; ++i) s->bits[i / 64] |= uint64_t{1} << (i % 64), s->state[i] = 1;
  queue_span(h, s);
  return s;
}
void put_back(Heap* h, Span* s, const char* p) {
  const uint64_t i = static_cast<size_t>(p - s->start) / s->size;
  s->bits[i / 64] |= uint64_t{1} << (i % 64);
  queue_span(h, s);
}
size_t fill_of(Heap* h, unsigned cls) { return static_cast<size_t>(h->bins[cls].top - h->bottom[cls]); }

void set_up(Heap* h, unsigned cls) {
  Bin* bin = &h->bins[cls];
  const size_t fits = (size_t{256} << 10) / class_size(cls);
  bin->capacity = static_cast<int32_t>(fits > 128 ? 128 : fits);
  Locked lock;
  h->bottom[cls] = bin->top =
      static_cast<Entry*>(take_meta((static_cast<size_t>(bin->capacity) + 2) * sizeof(Entry)));
}
// Takes the lowest free blocks of the first span, so that the lowest is popped first.
void refill(Heap* h, unsigned cls) {
  Bin* bin = &h->bins[cls];
  Span* s = first_span(h, cls);
  if (s == nullptr) return;
  const size_t page = s->size >= 4096 ? 1 : 4096 / s->size;
  size_t want = page > 32 ? 32 : page;
  char* blocks[32];
  uint8_t* states[32];
  size_t n = 0;
  for (unsigned k = 0; k < 16 && n < want; ++k) {
    for (; s->bits[k] != 0 && n < want; ++n) {
      const size_t i = k * 64 + static_cast<size_t>(__builtin_ctzl(s->bits[k]));
      s->bits[k] &= s->bits[k] - 1;
      blocks[n] = s->start + i * s->size, states[n] = &s->state[i];
    }
  }
  if (n < want) {  // exhausted
    h->waiting[cls].pop();
    s->next = s;
  }
  while (n-- > 0) *++bin->top = Entry{blocks[n], states[n]};
}
void* slow_take(Heap* h, unsigned cls) {
  Bin* bin = &h->bins[cls];
  if (h->bottom[cls] == nullptr) set_up(h, cls);
  for (int tries = 0; bin->top->block == nullptr && tries < 2; ++tries) refill(h, cls);
  bin->room = bin->capacity - static_cast<int32_t>(fill_of(h, cls));
  if (bin->top->block == nullptr) return nullptr;
  *bin->top->state = 0;
  return bin->top--->block;
}
void slow_beat(Heap* h, Span* s) {
  const unsigned cls = s->cls;
  Bin* bin = &h->bins[cls];
  const size_t fill = fill_of(h, cls);
  if (fill + 1 >= static_cast<size_t>(bin->capacity)) {  // the oldest half goes back
    Entry* e = h->bottom[cls] + 1;
    for (size_t k = 0; k < fill / 2; ++k) put_back(h, static_cast<Span*>(find_span(e[k].block)), e[k].block);
    memmove(e, e + fill / 2, (fill - fill / 2) * sizeof(Entry));
    bin->top -= fill / 2;
  }
  bin->room = bin->capacity - static_cast<int32_t>(fill_of(h, cls)) - 1;
}
void slow_give(Heap* h, Span* s, void* p) {
  const uint64_t i = static_cast<size_t>(static_cast<char*>(p) - s->start) / s->size;
  if (s->state[i] != 0) die_block("double", p, s, "free");
  s->state[i] = 1;
  put_back(h, s, static_cast<char*>(p));
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
  uint8_t* state = &s->state[static_cast<uint64_t>(product >> 64)];
  if (UNLIKELY(*const_cast<volatile uint8_t*>(state) != 0)) return bad_free(p, s);
  set_visible(&g_empty);
  Bin* bin = s->bin;
  Entry* e = bin->top;
  *const_cast<volatile uint8_t*>(state) = 1;
  e[1] = Entry{static_cast<char*>(p), state};
  bin->top = e + 1;
  set_visible(h);
  bool below;
  asm volatile("subl $1, %1" : "=@ccs"(below), "+m"(bin->room) : : "memory");
  if (UNLIKELY(below)) beat(s);
}
