// The slow half around a candidate and the rest of the malloc family. The candidate defines before the inclusion:
// - struct Heap : HeapBase, constant-initialised as an empty heap from which every fast path falls through;
// - struct Span : SpanBase;
// - void* slow_take(Heap*, unsigned cls): a block of the class, with the visible heap empty; null if no memory;
// - void slow_give(Heap*, Span*, void*): an owned block comes back, with the visible heap empty; finds double frees;
// - void slow_beat(Heap*, Span*): the fast path's counter ran out in this span.
//
// Two words of thread-local storage: t_heap is what the fast paths see, t_real whose thread this is. They
// differ while the slow half runs (and inside the fast paths of a candidate that marks them), which is how a
// handler that interrupted it is told apart: t_heap empty and t_real set means "interrupted", and the handler
// is served aside.
#pragma once
#include "common.hpp"

namespace candidate {

inline constinit Heap g_empty __attribute__((visibility("hidden"))){};
inline __thread Heap* t_heap __attribute__((tls_model("initial-exec"), visibility("hidden"))) = &g_empty;
inline __thread Heap* t_real __attribute__((tls_model("initial-exec"), visibility("hidden"))) = nullptr;

inline pthread_key_t g_key;
inline std::atomic<int> g_key_state{0};

inline bool interrupted() { return t_heap == &g_empty && t_real != nullptr; }

COLD inline void detach(void*) {
  Heap* h = t_real;
  if (h == nullptr) return;
  t_heap = &g_empty;
  Locked lock;
  h->next_dead = g_supply.dead, g_supply.dead = h;
  t_real = nullptr;
}
COLD inline bool attach() {  // leaves the visible heap empty and t_real set
  Heap* h = nullptr;
  {
    Locked lock;
    if (!start_supply()) return false;
    h = static_cast<Heap*>(g_supply.dead);
    if (h != nullptr)
      g_supply.dead = h->next_dead;
    else {
      h = static_cast<Heap*>(take_meta(sizeof(Heap)));
      memcpy(static_cast<void*>(h), static_cast<void*>(&g_empty), sizeof(Heap));
    }
    t_real = h;
  }
  int expected = 0;
  if (g_key_state.compare_exchange_strong(expected, 1)) {
    pthread_key_create(&g_key, detach);
    g_key_state = 2;
  }
  if (g_key_state == 2) pthread_setspecific(g_key, h);
  return true;
}

struct Slow {  // the visible heap is empty for its lifetime
  Heap* heap;
  Slow() : heap(t_real) {
    t_heap = &g_empty;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~Slow() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    t_heap = heap;
  }
};

inline void give(Heap* h, SpanBase* s, void* p) {
  if (s->owner == nullptr)
    give_large(s, p);
  else
    slow_give(h, static_cast<Span*>(s), p);
}
COLD inline void drain(Heap* h) {
  uintptr_t p = h->queue.exchange(0, std::memory_order_acquire);
  while (p != 0) {
    void* block = reinterpret_cast<void*>(p);
    p = *static_cast<uintptr_t*>(block) ^ kQueueKey;
    give(h, find_span(block), block);
  }
}
COLD void* malloc_slow(size_t n) {
  if (interrupted()) return take_emergency(n);
  if (t_real == nullptr && !attach()) return errno = ENOMEM, nullptr;
  Slow slow;
  if (slow.heap->queue.load(std::memory_order_relaxed) != 0) drain(slow.heap);
  void* p = nullptr;
  if (n <= kMediumMax)
    p = slow_take(slow.heap, class_of(n + (n == 0)));
  else if (n <= PTRDIFF_MAX)
    p = take_large(n, 16);
  if (p == nullptr) errno = ENOMEM;
  return p;
}
COLD void free_slow(void* p) {  // everything but an owner's plain free
  if (p == nullptr || in_emergency(p)) return;
  SpanBase* s = find_span(p);
  if (s == nullptr) die("loam: invalid free of %p: not a block of this heap\n", p);
  if (s->owner != nullptr) {
    const size_t off = static_cast<size_t>(static_cast<char*>(p) - s->start);
    if (off % s->size != 0 || off / s->size >= s->count) die_block("invalid", p, s, "unknown");
  }
  if (interrupted()) return queue_push(s->owner != nullptr ? s->owner : t_real, p);
  if (s->owner != nullptr && s->owner != t_real) return queue_push(s->owner, p);
  if (t_real == nullptr && !attach()) return;
  Slow slow;
  give(slow.heap, s, p);
}
// The block is already given back when a fast path arrives here; nothing remains to be done for it.
COLD void beat(Span* s) {
  if (interrupted()) return;
  Slow slow;
  if (slow.heap->queue.load(std::memory_order_relaxed) != 0) drain(slow.heap);
  slow_beat(slow.heap, s);
}
inline size_t usable(void* p) {
  if (in_emergency(p)) return static_cast<size_t*>(p)[-2];
  SpanBase* s = find_span(p);
  if (s == nullptr) die("loam: invalid realloc of %p: not a block of this heap\n", p);
  return s->owner != nullptr ? s->size : large_bytes(s);
}
inline void* aligned(size_t a, size_t n) {
  if (a <= 16) return malloc(n);
  if (n < a) n = a;
  if (a > kSlice || n > kSlice) {
    if (interrupted()) return nullptr;
    if (t_real == nullptr && !attach()) return nullptr;
    Slow slow;
    return take_large(n, a);
  }
  return malloc(size_t{1} << (64 - __builtin_clzl(n - 1)));  // a power of two lies on its own multiple
}

}  // namespace candidate

EXPORT void* calloc(size_t m, size_t n) {
  size_t bytes;
  if (__builtin_mul_overflow(m, n, &bytes)) return errno = ENOMEM, nullptr;
  void* p = malloc(bytes);
  if (p != nullptr) memset(p, 0, bytes);
  return p;
}
EXPORT void* realloc(void* p, size_t n) {
  if (p == nullptr) return malloc(n);
  if (n == 0) return free(p), nullptr;
  const size_t old = candidate::usable(p);
  if (n <= old && n >= old / 2) return p;
  void* q = malloc(n);
  if (q == nullptr) return nullptr;
  memcpy(q, p, n < old ? n : old);
  free(p);
  return q;
}
EXPORT void* reallocarray(void* p, size_t m, size_t n) {
  size_t bytes;
  return __builtin_mul_overflow(m, n, &bytes) ? (errno = ENOMEM, nullptr) : realloc(p, bytes);
}
EXPORT void* memalign(size_t a, size_t n) { return candidate::aligned(a, n); }
EXPORT void* aligned_alloc(size_t a, size_t n) { return candidate::aligned(a, n); }
EXPORT void* valloc(size_t n) { return candidate::aligned(4096, n); }
EXPORT int posix_memalign(void** out, size_t a, size_t n) {
  void* p = candidate::aligned(a, n);
  return p == nullptr ? ENOMEM : (*out = p, 0);
}
EXPORT size_t malloc_usable_size(void* p) { return p == nullptr ? 0 : candidate::usable(p); }
