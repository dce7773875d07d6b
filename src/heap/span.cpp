#include "heap/span.hpp"

namespace loam::heap {

constinit Span none_span{};
constinit meta::PageMap<Span> page_map;

unsigned count_free(const Span& span) {
  unsigned free_blocks = 0;
  for (unsigned i = 0; i < span.words(); ++i)
    free_blocks += static_cast<unsigned>(__builtin_popcountll(__atomic_load_n(&span.bits[i], __ATOMIC_RELAXED)));
  return free_blocks;
}

}  // namespace loam::heap
