// What stands in front of a candidate, the same for all: malloc, and the frees that are none. Included last, after the
// candidate has defined `void* pop(Heap*, Bin*, size_t n)`, the fast path once the class is known.
#pragma once
#include "shell.hpp"

namespace candidate {

__attribute__((noinline)) void* malloc_medium(size_t n) {
  if (UNLIKELY(n - 1 >= kMediumMax)) return malloc_slow(n);
  const unsigned cls = medium_class_of(n);
  Heap* h = t_heap;
  return pop(h, &h->bins[cls], n);
}
OPAQUE void bad_free(void* p, SpanBase* s) {
  const size_t off = static_cast<size_t>(static_cast<char*>(p) - s->start);
  die_block(off % s->size == 0 ? "double" : "invalid", p, s, "unknown");
}

}  // namespace candidate

EXPORT void* malloc(size_t n) {
  using namespace candidate;
  const size_t r = n - 1;
  if (UNLIKELY(r >= kSmallMax)) return malloc_medium(n);
  Heap* h = t_heap;
  return pop(h, reinterpret_cast<Bin*>(reinterpret_cast<char*>(h->bins) + (r & ~size_t{15})), n);
}
