#include "runtime/leak_stacks.hpp"

#include "format/leaks.hpp"

namespace loam::runtime {

LeakStacks::Site* LeakStacks::place_of(uint32_t stack) {
  for (uint32_t at = stack * 0x9e3779b9u >> 16;; at = (at + 1) % kPlaces) {
    Site& site = places_[at % kPlaces];
    if (site.stack == stack) return &site;
    if (site.stack != 0) continue;
    if (count_ == kMostSites) return nullptr;
    site.stack = stack;
    ++count_;
    return &site;
  }
}

bool LeakStacks::gather(const scan::BlockMap& map, const scan::Leaks& leaks, scan::Scratch& scratch) {
  places_ = scratch.take<Site>(kPlaces);
  told_ = scratch.take<uint64_t>(kModuleWords);
  if (places_ == nullptr || told_ == nullptr) return false;
  for (uint32_t i = 1; i < map.span_count(); ++i) {
    const scan::BlockMap::Span& span = map.span(i);
    const uint32_t blocks = map.view(span).blocks;
    for (uint32_t index = 0; index < blocks; ++index) {
      const uint32_t number = span.base + index;
      const uint32_t stack = map.live().contains(number) ? map.stack_id(span, index) : 0;
      Site* site = stack == 0 || stack == format::kInherited ? nullptr : place_of(stack);
      if (site == nullptr || leaks.is_lost(number)) continue;
      ++site->blocks;
      site->bytes += map.bytes(span, index);
    }
  }
  return true;
}

}  // namespace loam::runtime
