// Candidate A: each span has a bitmap of its free blocks beside its record (1 = free). malloc pops the lowest set bit
// of the class's current word, free sets the bit; nothing is ever written into a block.
//
// Why a signal between any two instructions does no harm (all forms but kUnsafe): malloc claims the bit by one
// instruction that reads and writes the word and reports whether the bit was still there. It may hold a word that its
// class has left meanwhile (a handler ran the slow half): the word still belongs to a span of this heap and this class,
// since records never change either, and the base address beside the word is read after the claim. free holds a record
// whose block is live until free's own write, which is one instruction too (`or`, idempotent: between the test and it
// only a double free by a handler of this very block could be missed, and even that corrupts nothing). The counter is
// decremented by one instruction. kMark reads and writes the word by separate instructions and hides the heap meanwhile.
#include "common.hpp"

#define FORM_MEMORY 0   // btr and bts on memory
#define FORM_CMPXCHG 1  // malloc: cmpxchg without lock; free: test, then or on memory
#define FORM_MARK 2     // both in registers, under a mark
#define FORM_UNSAFE 3   // both in registers: what signal tolerance costs the others
#define FORM_TWO \
  4  // as FORM_CMPXCHG, but free sets bits of a second bitmap, which the slow half moves to the first
#ifndef FORM
#define FORM FORM_TWO
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
#ifndef SIGNALS  // only FORM_TWO: 0 claims by a plain store
#define SIGNALS 1
#endif
#ifndef OWNER
#define OWNER 1
#endif

namespace candidate {

constexpr int kBeat = 256;
constexpr bool kMark = FORM == FORM_MARK;
inline uint64_t g_no_bits[33];  // the empty heap's word (always 0) with what lies beside a word

struct Bin {
  uint64_t* word = g_no_bits;
  uint64_t size = 0;
};
struct Span : SpanBase {
  uint64_t bits[16];
  char* base[16];  // base[k] is the address of block 64 * k and lies 16 words behind bits[k]
#if FORM == FORM_TWO
  uint64_t freed[16];  // given back and not yet in bits
#endif
  static constexpr size_t kBits = sizeof(SpanBase);
  static constexpr size_t kFreeBits = kBits + (FORM == FORM_TWO ? 256 : 0);
  uint64_t* free_bits() { return reinterpret_cast<uint64_t*>(reinterpret_cast<char*>(this) + kFreeBits); }
};
struct Heap : HeapBase {
  Bin bins[kClasses];
  Span* current[kClasses];
  Queue<Span> waiting[kClasses];
};

inline uint64_t load(const uint64_t* w) { return __atomic_load_n(w, __ATOMIC_RELAXED); }
inline void store(uint64_t* w, uint64_t v) { __atomic_store_n(w, v, __ATOMIC_RELAXED); }

// Clears bit i, the lowest of m, in the word that was m when loaded; false if a handler was faster.
inline bool claim(uint64_t* word, uint64_t m, uint64_t i) {
  (void)m, (void)i;
#if FORM == FORM_MEMORY
  bool was;
  asm volatile("btrq %2, %1" : "=@ccc"(was), "+m"(*word) : "r"(i) : "memory");
  return was;
#elif FORM == FORM_CMPXCHG || (FORM == FORM_TWO && SIGNALS)
  bool same;
  const uint64_t left = m & (m - 1);
  asm volatile("cmpxchgq %3, %1" : "=@ccz"(same), "+m"(*word), "+a"(m) : "r"(left) : "memory");
  return same;
#else
  store(word, m & (m - 1));
  return true;
#endif
}
// Makes block i free; false if it was.
inline bool put(Span* s, uint64_t i) {
#if FORM == FORM_MEMORY
  bool was;
  asm volatile("btsq %2, %1" : "=@ccc"(was), "+m"(*s->free_bits()) : "r"(i) : "memory");
  return !was || !DOUBLE_FREE;
#elif FORM == FORM_CMPXCHG || FORM == FORM_TWO
  // In assembly for the addressing modes: the compiler computes these addresses apart, in five instructions more.
  uint64_t bit = 0;
  bool was;
  asm("btsq %1, %0\n\tshrq $6, %1" : "+c"(bit), "+d"(i) : : "cc");
  if (DOUBLE_FREE) {
    asm volatile("testq %1, %c4(%2,%3,8)"
                 : "=@ccnz"(was)
                 : "r"(bit), "r"(s), "r"(i), "i"(Span::kBits)
                 : "memory");
    if (UNLIKELY(was)) return false;
  }
  if (DOUBLE_FREE && FORM == FORM_TWO) {
    asm volatile("testq %1, %c4(%2,%3,8)"
                 : "=@ccnz"(was)
                 : "r"(bit), "r"(s), "r"(i), "i"(Span::kFreeBits)
                 : "memory");
    if (UNLIKELY(was)) return false;
  }
  asm volatile("orq %0, %c3(%1,%2,8)" : : "r"(bit), "r"(s), "r"(i), "i"(Span::kFreeBits) : "memory", "cc");
  return true;
#else
  uint64_t m = load(&s->bits[i / 64]);
  bool was;
  asm("btsq %2, %1" : "=@ccc"(was), "+r"(m) : "r"(i));
  if (DOUBLE_FREE && UNLIKELY(was)) return false;
  store(&s->bits[i / 64], m);
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

inline void set_visible(Heap* h) {
  if (kMark) *const_cast<Heap* volatile*>(&t_heap) = h;
}

#if FORM == FORM_TWO
// Which of a word's freed blocks go to malloc at a time: those near the lowest. All 64 would make a steady pair walk
// through memory that one bitmap never touches (measured: 2 to 5 % of the peak of python3 and cc1plus).
inline uint64_t handful(uint64_t freed, uint64_t size) {
  const uint64_t reach = size <= 512 ? ~uint64_t{0} : size <= 1024 ? 0xffff : 0xf;
  return freed & (reach << __builtin_ctzl(freed));
}
// The word ran out: its freed blocks are moved to it and the lowest is handed out. Once taken by the cmpxchg they
// are this call's alone, whatever a handler does before they are set in the word.
__attribute__((noinline)) void* take_freed(uint64_t* word, uint64_t size, size_t n) {
  uint64_t* freed = word + 32;
  uint64_t m = load(freed);
  if (m == 0) return malloc_slow(n);
  const uint64_t taken = handful(m, size);
  bool same;
  asm volatile("cmpxchgq %3, %1" : "=@ccz"(same), "+m"(*freed), "+a"(m) : "r"(m & ~taken) : "memory");
  if (!same) return malloc_slow(n);
  asm volatile("orq %1, %0" : "+m"(*word) : "r"(taken & (taken - 1)) : "memory", "cc");
  return *reinterpret_cast<char**>(word + 16) + static_cast<uint64_t>(__builtin_ctzl(taken)) * size;
}
#else
void* take_freed(uint64_t*, uint64_t, size_t);
#endif
__attribute__((always_inline)) inline void* pop(Heap* h, Bin* bin, size_t n) {
  set_visible(&g_empty);
  uint64_t* word = __atomic_load_n(&bin->word, __ATOMIC_RELAXED);
  const uint64_t m = load(word);
  if (UNLIKELY(m == 0))
    return set_visible(h), FORM == FORM_TWO ? take_freed(word, bin->size, n) : malloc_slow(n);
  uint64_t i;
  asm("rep bsf %1, %0" : "=r"(i) : "r"(m) : "cc");  // as the builtin, without its sign extension
  if (UNLIKELY(!claim(word, m, i))) return set_visible(h), malloc_slow(n);
  set_visible(h);
  return *reinterpret_cast<char**>(word + 16) + i * bin->size;
}

#if FORM == FORM_TWO
bool replenish(uint64_t* word, uint64_t size) {
  uint64_t* freed = word + 32;
  if (*freed == 0) return false;
  *word = handful(*freed, size), *freed &= ~*word;
  return true;
}
#else
bool replenish(uint64_t*, uint64_t) { return false; }
#endif
bool fill(Bin* bin, Span* s) {  // points the bin at the span's lowest word with a block to hand out
  for (unsigned k = 0; k < 16; ++k)
    if (s->bits[k] != 0 || replenish(&s->bits[k], s->size))
      return bin->size = s->size, bin->word = &s->bits[k], true;
  return bin->word = g_no_bits, false;
}
Span* take_span(Heap* h, unsigned cls) {
  Span* s = h->waiting[cls].pop();
  if (s != nullptr) return s;
  s = new_span<Span>(h, cls);
  if (s == nullptr) return nullptr;
  for (unsigned i = 0; i < s->count; ++i) s->free_bits()[i / 64] |= uint64_t{1} << (i % 64);
  for (unsigned k = 0; k * 64 < s->count; ++k) s->base[k] = s->start + size_t{k} * 64 * s->size;
  return s;
}
void* slow_take(Heap* h, unsigned cls) {
  Bin* bin = &h->bins[cls];
  Span* s = h->current[cls];
  while (s == nullptr || !fill(bin, s)) {
    // The span left behind is full: its counter is set so that it asks for attention after some frees.
    if (s != nullptr) s->budget = static_cast<int32_t>(s->count / 8), s->next = s;
    h->current[cls] = s = take_span(h, cls);
    if (s == nullptr) return nullptr;
    s->budget = kBeat, s->next = nullptr;
  }
  const auto i = static_cast<uint64_t>(__builtin_ctzl(*bin->word));
  *bin->word &= *bin->word - 1;
  return *reinterpret_cast<char**>(bin->word + 16) + i * s->size;
}
void slow_beat(Heap* h, Span* s) {
  s->budget = kBeat;
  if (s->next == s) h->waiting[s->cls].push(s);  // else it is current, or waiting already
}
void slow_give(Heap* h, Span* s, void* p) {
  if (!put(s, static_cast<size_t>(static_cast<char*>(p) - s->start) / s->size))
    die_block("double", p, s, "free");
  if (--s->budget < 0) slow_beat(h, s);
}

}  // namespace candidate
#include "front.hpp"

using namespace candidate;

EXPORT void free(void* p) {
  const size_t slice = (reinterpret_cast<uintptr_t>(p) - g_map.base) >> kSliceShift;
  if (UNLIKELY(slice >= kSlices)) return free_slow(p);
  auto* s = record_at<Span>(slice);
  Heap* h = t_heap;
  if (UNLIKELY(OWNER ? s->owner != h : s->owner == nullptr)) return free_slow(p);
  const auto off = static_cast<uint64_t>(static_cast<char*>(p) - s->start);
  const auto product = static_cast<unsigned __int128>(off) * s->inverse;
  if (UNLIKELY(static_cast<uint64_t>(product) >= s->inverse2) && INTERIOR) return bad_free(p, s);
  set_visible(&g_empty);
  if (UNLIKELY(!put(s, static_cast<uint64_t>(product >> 64)))) return set_visible(h), bad_free(p, s);
  set_visible(h);
  if (HEARTBEAT) {
    bool below;
    asm volatile("subl $1, %1" : "=@ccs"(below), "+m"(s->budget) : : "memory");
    if (UNLIKELY(below)) beat(s);
  }
}
