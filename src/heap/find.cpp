#include "heap/find.hpp"

#include "heap/growth.hpp"
#include "heap/large.hpp"
#include "heap/outside.hpp"

namespace loam::heap {

namespace {

using sys::peek;

Found find_small(Span& span, const void* word) {
  const uint64_t index = block_index(span, word).index;
  // The index of what lies in front of the first block is beyond the last, and so it may be in a span that changes meanwhile.
  if (index >= peek(span.blocks)) return {Where::kRest, &span, nullptr, 0};
  char* block = block_at(span, index);
  const size_t size = is_growth(span) ? growth_size(span, index) : peek(span.block_size);
  return {is_free(span, index) ? Where::kFreeBlock : Where::kLive, &span, block, size};
}

Found find_large(Span& span, const void* word) {
  const auto* address = static_cast<const char*>(word);
  char* block = large_block(span);
  const size_t size = span.large_bytes.load(std::memory_order_relaxed);
  if (span.state.load(std::memory_order_acquire) != SpanState::kLive)
    return {address == block ? Where::kFreeBlock : Where::kFreeSpan, &span, block, size};
  if (address < block || address >= block + size) return {Where::kRest, &span, nullptr, 0};
  return {Where::kLive, &span, block, size};
}

}  // namespace

Found find(const void* word) {
  Span* span = page_map.find(word);
  if (span == nullptr) {
    OutsideBlock outside;
    if (outside_bytes() == 0 || !find_outside(word, &outside)) return {Where::kNowhere, nullptr, nullptr, 0};
    return {Where::kLive, nullptr, outside.block, outside.bytes};
  }
  switch (peek(span->kind)) {
    case SpanKind::kSmall:
      return find_small(*span, word);
    case SpanKind::kLarge:
      return find_large(*span, word);
    case SpanKind::kRetired:
      return {Where::kFreeSpan, span, nullptr, peek(span->block_size)};
    case SpanKind::kNone:
      break;
  }
  return {Where::kFreeSpan, span, nullptr, 0};
}

}  // namespace loam::heap
