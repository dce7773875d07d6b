#include "heap/span.hpp"

namespace loam::heap {

constinit Span none_span{};
constinit meta::PageMap<Span> page_map;

uint64_t live_bits(const Span& span, uint64_t word) {
  const uint64_t blocks = sys::peek(span.blocks);
  uint64_t bits = 0;
  for (uint64_t i = word * 64; i < blocks && i < (word + 1) * 64; ++i)
    bits |= uint64_t{is_free(span, i) ? 0u : 1u} << (i % 64);
  return bits;
}

unsigned count_live(const Span& span) {
  unsigned live = 0;
  for (unsigned i = 0; i < span.words(); ++i) live += base::count_bits(live_bits(span, i));
  return live;
}

}  // namespace loam::heap
