#include "heap/footprint.hpp"

#include "heap/growth.hpp"
#include "heap/large.hpp"
#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "heap/span.hpp"
#include "meta/arena.hpp"

namespace loam::heap {

namespace {

constexpr uint64_t most_slices() {
  uint64_t most = 0;
  for (const SizeClass& shape : kSizeClasses) most = shape.slices > most ? shape.slices : most;
  return most;
}

// Of a span of small blocks.
constexpr uint64_t kMostSlices = most_slices();
constexpr uint64_t kMostPages = kMostSlices * meta::kSlice / kPage;

// A field of a record that its owner may be changing: read in one go and once, so that what is tested is what is used.
template <class T>
T once(const T& field) {
  T value;
  __atomic_load(&field, &value, __ATOMIC_RELAXED);
  return value;
}

uint64_t word(const void* address) { return reinterpret_cast<uint64_t>(address); }
uint64_t lower(uint64_t a, uint64_t b) { return a < b ? a : b; }
uint64_t higher(uint64_t a, uint64_t b) { return a < b ? b : a; }

// Bytes that [a, b) and [c, d) share.
uint64_t shared(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  const uint64_t start = higher(a, c);
  const uint64_t end = lower(b, d);
  return start < end ? end - start : 0;
}

// Keeps the lower of two extents, if the new one ends above the address at all.
void offer(Extent* best, const Extent& extent, uint64_t address) {
  if (extent.start >= extent.end || extent.end <= address) return;
  if (best->kind == ExtentKind::kNone || extent.start < best->start) *best = extent;
}

void offer_window(Extent* best, uint64_t address) {
  const uint64_t count = regions.window_slices() / kSlicesPerRegion;
  const uint64_t window = word(page_map.address_of(0));
  uint64_t first = address <= window ? 0 : (address - window) / kRegion;
  while (first < count && !regions.region_is_mapped(first)) ++first;
  uint64_t end = first;
  while (end < count && regions.region_is_mapped(end)) ++end;
  offer(best, {window + first * kRegion, window + end * kRegion, ExtentKind::kWindow, 0, 0}, address);
}

void offer_metadata(Extent* best, const void* start, uint64_t bytes, uint64_t address) {
  const uint64_t end = base::align_up(word(start) + bytes, kPage);
  if (start != nullptr) offer(best, {word(start), end, ExtentKind::kMetadata, 0, 0}, address);
}

// What one scan adds to; `live_end` etc. are of the block or span that the scan goes over.
struct Sum {
  Footprint* footprint;
  uint64_t bytes;  // resident
  uint64_t live_start;
  uint64_t live_end;
  uint64_t live;  // of the resident bytes those between live_start and live_end
};

void add_run(const sys::ResidentRun& run, void* argument) {
  auto& sum = *static_cast<Sum*>(argument);
  const uint64_t bytes = run.end - run.start;
  sum.bytes += bytes;
  if (run.huge) sum.footprint->huge += bytes;
  sum.live += shared(run.start, run.end, sum.live_start, sum.live_end);
}

// Memory with at most one live block in it: a large one, an outside one, none.
bool add_single(sys::PageScan& scan, uint64_t start, uint64_t end, uint64_t live_start, uint64_t live_end,
                Footprint* footprint, uint64_t* rest) {
  Sum sum{footprint, 0, live_start, live_end, 0};
  const bool told = scan.scan(start, end, add_run, &sum);
  footprint->live += sum.live;
  *rest += sum.bytes - sum.live;
  return told;
}

struct SmallSum {
  Footprint* footprint;
  unsigned class_index;
  uint64_t start;
  uint16_t live[kMostPages];  // bytes of live blocks, by page
};

// Live bytes from `from` to `to`, both counted from the start of the span.
void add_live(SmallSum& sum, uint64_t from, uint64_t to, uint64_t pages) {
  for (uint64_t at = from; at < to && at / kPage < pages;) {
    const uint64_t end = lower((at / kPage + 1) * kPage, to);
    sum.live[at / kPage] = static_cast<uint16_t>(lower(sum.live[at / kPage] + (end - at), kPage));
    at = end;
  }
}

// Of blocks with room to grow what the program knows of.
void sum_growth(const Span& span, uint64_t pages, SmallSum& sum) {
  const uint64_t size = once(span.block_size);
  const uint64_t first = once(span.first) - sum.start;
  for (uint64_t i = 0; i < lower(once(span.blocks), kSizeClasses[kGrowthClass].blocks); ++i) {
    const uint64_t from = first + i * size;
    if (!is_free(span, i)) add_live(sum, from, from + lower(growth_size(span, i), size), pages);
  }
}

// Neighbours that live are taken together: a full span costs by its pages, not by its blocks.
void sum_live(const Span& span, uint64_t pages, SmallSum& sum) {
  const uint64_t size = once(span.block_size);
  const uint64_t blocks = lower(once(span.blocks), kMaxBlocks);
  const uint64_t first = once(span.first) - sum.start;
  for (uint64_t i = 0; i < blocks; i += 64) {
    uint64_t live = live_bits(span, i / 64);
    while (live != 0) {
      const unsigned at = base::lowest_bit(live);
      const unsigned run = base::lowest_bit(~(live >> at));
      add_live(sum, first + (i + at) * size, first + (i + at + run) * size, pages);
      live &= ~(base::low_bits(run) << at);
    }
  }
}

void add_small_run(const sys::ResidentRun& run, void* argument) {
  auto& sum = *static_cast<SmallSum*>(argument);
  Footprint& footprint = *sum.footprint;
  if (run.huge) footprint.huge += run.end - run.start;
  for (uint64_t page = (run.start - sum.start) / kPage; page < (run.end - sum.start) / kPage; ++page) {
    const uint64_t live = sum.live[page];
    footprint.live += live;
    footprint.free_in_span += kPage - live;
    footprint.class_free[sum.class_index] += kPage - live;
    if (live == 0) continue;
    footprint.stranded += kPage - live;
    footprint.class_stranded[sum.class_index] += kPage - live;
  }
}

bool add_small(sys::PageScan& scan, const Span& span, uint64_t start, uint64_t end, Footprint* footprint) {
  const unsigned class_index = once(span.class_index);
  SmallSum sum{footprint, class_index < kClasses ? class_index : 0u, start, {}};
  (class_index == kGrowthClass ? sum_growth : sum_live)(span, (end - start) / kPage, sum);
  return scan.scan(start, end, add_small_run, &sum);
}

// The slices from `slice` on that one thing takes, at most up to `limit`.
struct Stretch {
  const Span* span;  // null: no span in use
  SpanKind kind;
  uint64_t slices;  // of small blocks at most kMostSlices
};

Stretch stretch_at(uint64_t slice, uint64_t limit) {
  const Span* span = page_map.at(slice);
  const SpanKind kind = once(span->kind);
  const uint64_t slices = once(span->slices);
  const bool live =
      kind == SpanKind::kSmall ||
      (kind == SpanKind::kLarge && span->state.load(std::memory_order_acquire) == SpanState::kLive);
  const uint64_t most = kind == SpanKind::kSmall ? lower(kMostSlices, limit - slice) : limit - slice;
  // A span that changes under our eyes may not be where the map says; what is not certain counts as no span.
  const bool certain =
      live && once(span->start) == page_map.address_of(slice) && slices > 0 && slices <= most;
  return certain ? Stretch{span, kind, slices} : Stretch{nullptr, SpanKind::kNone, 1};
}

bool add_unused(sys::PageScan& scan, uint64_t first, uint64_t limit, Footprint* footprint) {
  return add_single(scan, word(page_map.address_of(first)), word(page_map.address_of(limit)), 0, 0, footprint,
                    &footprint->cache);
}

bool add_span(sys::PageScan& scan, const Stretch& stretch, uint64_t first, Footprint* footprint) {
  const Span& span = *stretch.span;
  const uint64_t start = word(page_map.address_of(first));
  const uint64_t end = word(page_map.address_of(first + stretch.slices));
  if (stretch.kind == SpanKind::kSmall) return add_small(scan, span, start, end, footprint);
  const uint64_t block = word(large_block(span));
  return add_single(scan, start, end, block, block + span.large_bytes.load(std::memory_order_relaxed),
                    footprint, &footprint->free_in_span);
}

bool add_window(sys::PageScan& scan, uint64_t first, uint64_t limit, Footprint* footprint) {
  uint64_t unused = first;  // where the slices of no span began
  for (uint64_t slice = first; slice < limit;) {
    const Stretch stretch = stretch_at(slice, limit);
    const uint64_t next = slice + stretch.slices;
    if (stretch.span != nullptr) {
      if (!add_unused(scan, unused, slice, footprint) || !add_span(scan, stretch, slice, footprint))
        return false;
      unused = next;
    }
    slice = next;
  }
  return add_unused(scan, unused, limit, footprint);
}

}  // namespace

bool next_extent(uint64_t address, Extent* extent) {
  *extent = {};
  offer_window(extent, address);
  OutsideBlock block;
  OutsideTable table;
  if (!next_outside(reinterpret_cast<const void*>(address), &block) || !locate_outside_table(&table))
    return false;
  if (block.block != nullptr) {
    const uint64_t start = word(block.mapping);
    const uint64_t live = word(block.block);
    offer(extent, {start, start + block.mapped, ExtentKind::kOutside, live, live + block.bytes}, address);
  }
  offer_metadata(extent, table.start, table.bytes, address);
  offer_metadata(extent, regions.table(), regions.table_bytes(), address);
  offer_metadata(extent, page_map.table(), page_map.committed(), address);
  for (const char* chunk = meta::arena.newest_chunk(); chunk != nullptr;
       chunk = meta::Arena::chunk_before(chunk))
    offer_metadata(extent, chunk, meta::Arena::kChunk, address);
  return true;
}

bool add_resident(sys::PageScan& scan, const Extent& extent, Footprint* footprint) {
  switch (extent.kind) {
    case ExtentKind::kWindow:
      return add_window(scan, page_map.slice_of(reinterpret_cast<const void*>(extent.start)),
                        page_map.slice_of(reinterpret_cast<const void*>(extent.end)), footprint);
    case ExtentKind::kOutside:
      return add_single(scan, extent.start, extent.end, extent.live_start, extent.live_end, footprint,
                        &footprint->free_in_span);
    case ExtentKind::kMetadata:
      return add_single(scan, extent.start, extent.end, 0, 0, footprint, &footprint->metadata);
    case ExtentKind::kNone:
      break;
  }
  return true;
}

}  // namespace loam::heap
