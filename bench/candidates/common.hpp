// What the fast-path candidates share, so that only their paths differ: the page map, the size classes, the
// slow supply of spans, large blocks, the queue for frees by other threads, and what a signal handler gets
// meanwhile.
//
// Invariant: a page-map entry is null or points to the record of the span that covers those 16 KiB; a record
// never changes its heap or its class, so a path that a signal handler interrupted may go on with the record
// it holds. Locking: one spin lock for the supply of pages, taken only while the thread's visible heap is the
// empty one. A handler that interrupts such a stretch sees the empty heap, so it is served by the emergency
// region and its frees are queued without a lock. A candidate is one translation unit that includes this
// header, so that all of it is inlined or local.
#pragma once
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define EXPORT extern "C" __attribute__((visibility("default")))
#define COLD __attribute__((noinline, cold))
// Not analysed by the compiler: a call known not to return would cost a fast path a stack frame.
#ifdef __clang__
#define OPAQUE __attribute__((noinline, cold, optnone))
#else
#define OPAQUE __attribute__((noipa, cold))
#endif

namespace candidate {

constexpr size_t kSliceShift = 14;
constexpr size_t kSlice = size_t{1} << kSliceShift;
constexpr size_t kWindow = size_t{64}
                           << 30;  // address space only: pages and map entries are touched when used
constexpr size_t kSlices = kWindow >> kSliceShift;
constexpr size_t kSmallMax = 1024;
constexpr size_t kMediumMax = 65536;
constexpr unsigned kSmallClasses = 64;          // 16-byte steps to 1 KiB
constexpr unsigned kClasses = 64 + 6 * 8;       // then 8 steps per doubling to 64 KiB
constexpr unsigned kMaxBlocks = 1024;           // per span: 16 words of bits
constexpr size_t kRecords = size_t{1} << 30;    // address space for records behind the table
constexpr size_t kEmergency = size_t{1} << 30;  // never reused, and a marked path sends every handler there

// For sizes above 1 KiB: the three bits below the leading one tell the step within the doubling.
inline unsigned medium_class_of(size_t n) {
  const size_t r = n - 1;
  // As 63 - clz, which the compiler turns round twice. bsr waits for the old value of its destination: without
  // the copy that is whatever the last free left there, and 4 KiB pairs take 14 to 19 ns instead of 6 to 9.
  size_t b = r;
  asm("bsrq %0, %0" : "+r"(b) : : "cc");
  return static_cast<unsigned>(r >> (b - 3)) + static_cast<unsigned>(b) * 8 - 24;
}
inline unsigned class_of(size_t n) {  // 1 <= n <= kMediumMax
  return n <= kSmallMax ? static_cast<unsigned>((n - 1) >> 4) : medium_class_of(n);
}
inline size_t class_size(unsigned c) {
  if (c < kSmallClasses) return (c + size_t{1}) * 16;
  const unsigned b = (c - 64) / 8 + 10;
  return (size_t{1} << b) + (((c - 64) % 8 + size_t{1}) << (b - 3));
}

struct Heap;  // a candidate's thread heap; begins with its HeapBase

// The queue of frees that the owner could not take at once: other threads, and handlers on its own thread.
struct HeapBase {
  std::atomic<uintptr_t> queue;  // blocks linked through their first word, each link xor'ed with kQueueKey
  HeapBase* next_dead;
};
constexpr uintptr_t kQueueKey = 0x9e3779b97f4a7c15;

struct SpanBase {
  Heap* owner;       // null for a large block
  uint64_t inverse;  // ceil(2^64 / size): the product with an offset has the index above, a remainder below
  uint64_t
      inverse2;  // half of it: remainders at or above belong to no block's start, nor to the gap before start
  char* start;  // of block 0; a remainder of the span lies before it, so that no index is past the last block
  int32_t budget;
  uint32_t size;
  uint32_t count;
  uint32_t bytes_slices;
  uint32_t cls;
  SpanBase* next;
};

// The spans of a class that have free blocks and are not current, oldest first. A span's `next` leads to itself while
// it is in no queue and may enter one; that of a current span leads nowhere.
template <class Span>
struct Queue {
  Span* first;
  Span* last;

  void push(Span* s) {
    s->next = nullptr;
    if (last != nullptr)
      last->next = s;
    else
      first = s;
    last = s;
  }
  Span* pop() {
    Span* s = first;
    if (s == nullptr) return nullptr;
    first = static_cast<Span*>(s->next);
    if (first == nullptr) last = nullptr;
    return s;
  }
};

struct PageMap {
  uintptr_t base = uintptr_t{1} << 62;  // until the window exists every pointer is outside it
  uint32_t* table = nullptr;
};
inline constinit PageMap g_map __attribute__((visibility("hidden"))){};

[[noreturn]] COLD inline void die(const char* format, ...) {
  char text[256];
  va_list args;
  va_start(args, format);
  const int n = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (write(2, text, static_cast<size_t>(n)) < 0) _exit(134);
  abort();
}
COLD inline void die_block(const char* what, void* p, SpanBase* s, const char* state) {
  const size_t off = static_cast<size_t>(static_cast<char*>(p) - s->start) % s->size;
  void* block = static_cast<char*>(p) - off;
  if (off == 0 && off < s->size && what[0] == 'd')
    die("loam: double free of %p (%u bytes, span %p+0x%x, free)\n", p, s->size, s->start,
        s->bytes_slices << 14);
  die("loam: invalid free of %p: %zu bytes inside the block %p (%u bytes, span %p+0x%x, %s)\n", p, off, block,
      s->size, s->start, s->bytes_slices << 14, state);
}

struct Supply {
  std::atomic_flag lock = ATOMIC_FLAG_INIT;
  size_t next_slice = 0;
  char* meta = nullptr;
  size_t meta_left = 0;
  SpanBase* large_free[512] = {};
  char* emergency = nullptr;
  std::atomic<size_t> emergency_used{0};
  HeapBase* dead = nullptr;
};
inline constinit Supply g_supply __attribute__((visibility("hidden"))){};

struct Locked {
  Locked() {
    while (g_supply.lock.test_and_set(std::memory_order_acquire)) __builtin_ia32_pause();
  }
  ~Locked() { g_supply.lock.clear(std::memory_order_release); }
};

inline char* map_pages(size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
}
inline bool start_supply() {  // with the lock held
  if (g_supply.emergency != nullptr) return true;
  char* window = map_pages(kWindow + kSlice);
  char* table = map_pages(kSlices * sizeof(uint32_t) + kRecords);
  if (window == nullptr || table == nullptr) return false;
  g_map.table = reinterpret_cast<uint32_t*>(table);
  g_supply.meta = table + kSlices * sizeof(uint32_t), g_supply.meta_left = kRecords;
  const uintptr_t base = (reinterpret_cast<uintptr_t>(window) + kSlice - 1) & ~(kSlice - 1);
  g_supply.emergency = reinterpret_cast<char*>(base);
  g_supply.next_slice = kEmergency >> kSliceShift;
  g_map.base = base;
  return true;
}
inline void* take_meta(size_t bytes) {  // with the lock held; zeroed
  bytes = (bytes + 63) & ~size_t{63};
  if (g_supply.meta_left < bytes) die("loam: no memory for metadata\n");
  char* p = g_supply.meta;
  g_supply.meta += bytes, g_supply.meta_left -= bytes;
  return p;
}
inline char* take_slices(size_t n, size_t align_slices) {  // with the lock held
  size_t at = (g_supply.next_slice + align_slices - 1) / align_slices * align_slices;
  // Alignment beyond a slice is relative to the window, whose base is only slice-aligned.
  while (align_slices > 1 && ((g_map.base >> kSliceShift) + at) % align_slices != 0) ++at;
  if (at + n > kSlices) return nullptr;
  g_supply.next_slice = at + n;
  return reinterpret_cast<char*>(g_map.base + (at << kSliceShift));
}
inline size_t span_slices(size_t size) {
  size_t bytes = size <= 64 ? size * kMaxBlocks : size <= 4096 ? 65536 : size * 16;
  return (bytes + kSlice - 1) >> kSliceShift;
}
inline SpanBase* find_span(const void* p) {
  const size_t i = (reinterpret_cast<uintptr_t>(p) - g_map.base) >> kSliceShift;
  if (UNLIKELY(i >= kSlices) || g_map.table[i] == 0) return nullptr;
  return reinterpret_cast<SpanBase*>(reinterpret_cast<char*>(g_map.table) + g_map.table[i]);
}
// For a slice inside the window: the record, or something without an owner.
template <class Span>
__attribute__((always_inline)) inline Span* record_at(size_t slice) {
  const uint32_t* table = g_map.table;
  return reinterpret_cast<Span*>(reinterpret_cast<uintptr_t>(table) + table[slice]);
}
inline void enter_map(SpanBase* s) {
  const size_t i = (reinterpret_cast<uintptr_t>(s->start) - g_map.base) >> kSliceShift;
  const auto distance =
      static_cast<uint32_t>(reinterpret_cast<char*>(s) - reinterpret_cast<char*>(g_map.table));
  for (size_t k = 0; k < s->bytes_slices; ++k) g_map.table[i + k] = distance;
}
template <class Span>
Span* new_span(Heap* owner, unsigned cls) {
  Locked lock;
  const size_t size = class_size(cls), slices = span_slices(size);
  char* start = take_slices(slices, 1);
  if (start == nullptr) return nullptr;
  auto* s = static_cast<Span*>(take_meta(sizeof(Span)));
  s->owner = owner, s->start = start;
  s->size = static_cast<uint32_t>(size), s->cls = cls, s->bytes_slices = static_cast<uint32_t>(slices);
  s->inverse = ~uint64_t{0} / size + 1, s->inverse2 = s->inverse / 2;
  s->count = static_cast<uint32_t>((slices << kSliceShift) / size);
  enter_map(s);
  s->start += (slices << kSliceShift) - size_t{s->count} * size;
  return s;
}

// Large blocks: a run of slices each, kept by rounded length; above 1 MiB their pages go back at once.
inline unsigned large_bin(size_t slices) {
  const unsigned b = 63u - static_cast<unsigned>(__builtin_clzl(slices | 8));
  return static_cast<unsigned>(slices >> (b - 3)) + b * 8 - 24;
}
inline void* take_large(size_t n, size_t align) {
  if (n > kWindow / 2 || align > kWindow / 2) return nullptr;
  size_t slices = (n + kSlice - 1) >> kSliceShift;
  if (slices > 8) {
    const unsigned b = 60u - static_cast<unsigned>(__builtin_clzl(slices));
    slices = (((slices - 1) >> b) + 1) << b;
  }
  Locked lock;
  SpanBase*& bin = g_supply.large_free[large_bin(slices)];
  SpanBase* s = align <= kSlice ? bin : nullptr;
  if (s != nullptr && s->bytes_slices == slices) {
    bin = s->next;
  } else {
    char* start = take_slices(slices, align <= kSlice ? 1 : align >> kSliceShift);
    if (start == nullptr) return nullptr;
    s = static_cast<SpanBase*>(take_meta(sizeof(SpanBase)));
    s->start = start, s->bytes_slices = static_cast<uint32_t>(slices);
    enter_map(s);
  }
  s->count = 1;  // live
  return s->start;
}
inline size_t large_bytes(const SpanBase* s) { return size_t{s->bytes_slices} << kSliceShift; }
inline void give_large(SpanBase* s, void* p) {
  if (p != s->start) die("loam: invalid free of %p: inside the large block %p\n", p, s->start);
  Locked lock;
  if (s->count == 0) die("loam: double free of %p (%zu bytes, large)\n", p, large_bytes(s));
  s->count = 0;
  if (s->bytes_slices > 64) madvise(s->start, large_bytes(s), MADV_DONTNEED);
  SpanBase*& bin = g_supply.large_free[large_bin(s->bytes_slices)];
  s->next = bin, bin = s;
}

// For handlers that interrupted the allocator: never reused, one atomic addition.
inline void* take_emergency(size_t n) {
  if (g_supply.emergency == nullptr || n > kEmergency) return nullptr;
  n = ((n + 15) & ~size_t{15}) + 16;
  const size_t at = g_supply.emergency_used.fetch_add(n);
  if (at + n > kEmergency) return nullptr;
  char* p = g_supply.emergency + at;
  *reinterpret_cast<size_t*>(p) = n - 16;
  return p + 16;
}
inline bool in_emergency(const void* p) {
  return g_supply.emergency != nullptr &&
         static_cast<size_t>(static_cast<const char*>(p) - g_supply.emergency) < kEmergency;
}
inline void queue_push(HeapBase* h, void* p) {
  auto* link = static_cast<uintptr_t*>(p);
  uintptr_t head = h->queue.load(std::memory_order_relaxed);
  do *link = head ^ kQueueKey;
  while (!h->queue.compare_exchange_weak(head, reinterpret_cast<uintptr_t>(p), std::memory_order_release));
}

}  // namespace candidate
