#include "heap/span.hpp"

namespace loam::heap {

constinit Span none_span{};
constinit meta::PageMap<Span> page_map;

unsigned count_free(const Span& span) {
  unsigned free_blocks = 0;
  for (unsigned i = 0; i < span.words(); ++i)
    free_blocks += static_cast<unsigned>(__builtin_popcountll(free_bits(span, i)));
  return free_blocks;
}

}  // namespace loam::heap
