// Candidate A: each span has a bitmap of its free blocks beside its record (1 = free). malloc pops the lowest
// set bit of the class's current word, free sets the bit; nothing is ever written into a block.
//
// Why a signal between any two instructions does no harm (FORM 0 and 1): the only shared step is one
// instruction that reads and writes the word, and it reports whether the bit was still there. malloc may hold
// a word that its class has left meanwhile (a handler ran the slow half): the word still belongs to a span of
// this heap and this class, since records never change either, and the base address beside the word is read
// after the claim. free holds a record whose block is live until its own `bts`. The counter is decremented by
// one instruction. FORM 2 loads, changes and stores the word by separate instructions and therefore hides the
// heap meanwhile; a handler's calls then fall through.
#include "common.hpp"

#ifndef FORM
#define FORM \
  0  // 0: btr/bts on memory; 1: cmpxchg without lock; 2: registers and a mark; 3: registers, not signal-safe
#endif
// The promises, each of which can be switched off to see its price.
#ifndef DOUBLE_FREE
#define DOUBLE_FREE 1
#endif
#ifndef INTERIOR
#define INTERIOR 1
#endif
#ifndef HEARTBEAT
#define HEARTBEAT 1
#endif
#ifndef OWNER
#define OWNER 1
#endif
#ifndef CHECK_CLAIM  // only FORM 0: trust the bit found by the load (no handler ever mallocs)
#define CHECK_CLAIM 1
#endif

namespace candidate {

constexpr int kBeat = 256;
inline uint64_t g_no_bits[33];  // the empty heap's word (always 0) with a base beside it

struct Bin {
  uint64_t* word = g_no_bits;
  uint64_t size = 0;
};
struct Span : SpanBase {
  uint64_t bits[16];
  char* base[16];  // base[k] is the address of block 64 * k and lies 16 words behind bits[k]
};
struct Heap : HeapBase {
  Bin bins[kClasses];
  Span* current[kClasses];
  Span* first[kClasses];  // spans with free blocks that are not current, oldest first
  Span* last[kClasses];
};

#if FORM >= 2
#define LOAD(w) __atomic_load_n(&(w), __ATOMIC_RELAXED)
#define STORE(w, v) __atomic_store_n(&(w), (v), __ATOMIC_RELAXED)
#endif

// Clears bit i of word, which was m when loaded; false if it was not set any more.
inline bool claim(uint64_t* word, uint64_t m, uint64_t i) {
#if FORM == 0
  (void)m;
  bool was;
  asm volatile("btrq %2, %1" : "=@ccc"(was), "+m"(*word) : "r"(i) : "memory");
  return was || !CHECK_CLAIM;
#elif FORM == 1
  (void)i;
  bool same;
  const uint64_t left = m & (m - 1);
  asm volatile("cmpxchgq %3, %1" : "=@ccz"(same), "+m"(*word), "+a"(m) : "r"(left) : "memory");
  return same;
#else
  (void)i;
  STORE(*word, m & (m - 1));
  return true;
#endif
}
// Sets bit i of the span; false if it was set.
inline bool put(Span* s, uint64_t i) {
#if FORM == 0
  bool was;
  asm volatile("btsq %2, %1" : "=@ccc"(was), "+m"(s->bits[0]) : "r"(i) : "memory");
  return !was || !DOUBLE_FREE;
#elif FORM == 1 || FORM == 4
  uint64_t bit = 0;
  asm("btsq %1, %0" : "+r"(bit) : "r"(i) : "cc");
  uint64_t* word = &s->bits[i / 64];
  if (UNLIKELY(__atomic_load_n(word, __ATOMIC_RELAXED) & bit) && DOUBLE_FREE) return false;
  asm volatile("orq %1, %0" : "+m"(*word) : "r"(bit) : "memory", "cc");
  return true;
#else
  uint64_t m = LOAD(s->bits[i / 64]);
  bool was;
  asm("btsq %2, %1" : "=@ccc"(was), "+r"(m) : "r"(i));
  if (UNLIKELY(was) && DOUBLE_FREE) return false;
  STORE(s->bits[i / 64], m);
  return true;
#endif
}

void* slow_take(Heap* h, unsigned cls);
void slow_give(Heap* h, Span* s, void* p);
void slow_beat(Heap* h, Span* s);

}  // namespace candidate
EXPORT void* malloc(size_t n);
EXPORT void free(void* p);
#include "shell.hpp"
namespace candidate {

template <bool kOn>
struct Mark {
  Heap* heap;
  explicit Mark(Heap* h) : heap(h) {
    if (kOn) *const_cast<Heap* volatile*>(&t_heap) = &g_empty;
  }
  void end() {
    if (kOn) *const_cast<Heap* volatile*>(&t_heap) = heap;
  }
};

__attribute__((always_inline)) inline void* pop(Heap* h, Bin* bin, size_t n) {
  Mark<FORM == 2 || FORM == 4> mark(h);
  uint64_t* word = __atomic_load_n(&bin->word, __ATOMIC_RELAXED);
  const uint64_t m = __atomic_load_n(word, __ATOMIC_RELAXED);
  if (UNLIKELY(m == 0)) return mark.end(), malloc_slow(n);
  uint64_t i;
  asm("rep bsf %1, %0" : "=r"(i) : "r"(m) : "cc");  // as the builtin, without its sign extension
  if (UNLIKELY(!claim(word, m, i))) return mark.end(), malloc_slow(n);
  mark.end();
  return *reinterpret_cast<char**>(word + 16) + i * bin->size;
}
__attribute__((noinline)) void* malloc_medium(size_t n) {
  if (UNLIKELY(n - 1 >= kMediumMax)) return malloc_slow(n);
  Heap* h = t_heap;
  return pop(h, &h->bins[class_of(n)], n);
}

void fill(Bin* bin, Span* s, size_t size) {  // points the bin at the span's lowest word with a free block
  unsigned k = 0;
  while (k < 16 && s->bits[k] == 0) ++k;
  bin->word = k < 16 ? &s->bits[k] : g_no_bits;
  bin->size = size;
}
Span* take_span(Heap* h, unsigned cls) {
  Span* s = h->first[cls];
  if (s != nullptr) {
    h->first[cls] = static_cast<Span*>(s->next);
    if (h->first[cls] == nullptr) h->last[cls] = nullptr;
    return s;
  }
  s = new_span<Span>(h, cls);
  if (s == nullptr) return nullptr;
  for (unsigned i = 0; i < s->count; ++i) s->bits[i / 64] |= uint64_t{1} << (i % 64);
  for (unsigned k = 0; k * 64 < s->count; ++k) s->base[k] = s->start + size_t{k} * 64 * s->size;
  return s;
}
void* slow_take(Heap* h, unsigned cls) {
  Bin* bin = &h->bins[cls];
  Span* s = h->current[cls];
  if (s != nullptr) fill(bin, s, s->size);
  if (s == nullptr || bin->word == g_no_bits) {
    // The span left behind is full: its counter is set so that it asks for attention after some frees.
    if (s != nullptr) s->budget = static_cast<int32_t>(s->count / 8), s->next = s;
    s = take_span(h, cls);
    h->current[cls] = s;
    if (s == nullptr) return bin->word = g_no_bits, nullptr;
    s->budget = kBeat, s->next = nullptr;
    fill(bin, s, s->size);
  }
  const auto i = static_cast<uint64_t>(__builtin_ctzl(*bin->word));
  *bin->word &= *bin->word - 1;
  return *reinterpret_cast<char**>(bin->word + 16) + i * s->size;
}
void slow_beat(Heap* h, Span* s) {
  s->budget = kBeat;
  if (s->next != s) return;  // current, or already waiting
  s->next = nullptr;
  Span*& last = h->last[s->cls];
  if (last != nullptr)
    last->next = s;
  else
    h->first[s->cls] = s;
  last = s;
}
void slow_give(Heap* h, Span* s, void* p) {
  const uint64_t i = static_cast<size_t>(static_cast<char*>(p) - s->start) / s->size;
  if (s->bits[i / 64] >> (i % 64) & 1) die_block("double", p, s, "free");
  s->bits[i / 64] |= uint64_t{1} << (i % 64);
  if (--s->budget < 0) slow_beat(h, s);
}
// Not analysed by the compiler: a call known not to return would cost the fast path a stack frame.
__attribute__((noipa, cold)) void bad_free(void* p, SpanBase* s) {
  const size_t off = static_cast<size_t>(static_cast<char*>(p) - s->start);
  die_block(off % s->size == 0 ? "double" : "invalid", p, s, "unknown");
}

}  // namespace candidate

using namespace candidate;

EXPORT void* malloc(size_t n) {
  const size_t r = n - 1;
  if (UNLIKELY(r >= kSmallMax)) return malloc_medium(n);
  Heap* h = t_heap;
  return pop(h, reinterpret_cast<Bin*>(reinterpret_cast<char*>(h->bins) + (r & ~size_t{15})), n);
}

EXPORT void free(void* p) {
  const size_t slice = (reinterpret_cast<uintptr_t>(p) - g_map.base) >> kSliceShift;
  if (UNLIKELY(slice >= kSlices)) return free_slow(p);
  auto* s = static_cast<Span*>(g_map.table[slice]);
  if (UNLIKELY(s == nullptr)) return free_slow(p);
  Heap* h = t_heap;
  if (UNLIKELY(s->owner != h) && OWNER) return free_slow(p);
  if (!OWNER && UNLIKELY(s->owner == nullptr)) return free_slow(p);
  const auto off = static_cast<uint64_t>(static_cast<char*>(p) - s->start);
  const auto product = static_cast<unsigned __int128>(off) * s->inverse;
  if (UNLIKELY(static_cast<uint64_t>(product) >= s->inverse2) && INTERIOR) return bad_free(p, s);
  Mark<FORM == 2> mark(h);
  if (UNLIKELY(!put(s, static_cast<uint64_t>(product >> 64)))) return mark.end(), bad_free(p, s);
  mark.end();
  if (HEARTBEAT) {
    bool below;
    asm volatile("subl $1, %1" : "=@ccs"(below), "+m"(s->budget) : : "memory");
    if (UNLIKELY(below)) beat(s);
  }
}
