// Resident memory by part. Each part is measured on its own: the heap's by its pages and its map, everybody else's by
// the sizes of their mappings (page by page where a mapping holds both), the total by the kernel's own count. What they
// leave over is the tool's to show.
#include "sys/resident.hpp"

#include "heap/footprint.hpp"
#include "runtime/figures.hpp"

namespace loam::runtime {

namespace {

using format::Counter;
using format::CounterSlot;

struct Parts {
  heap::Footprint heap;
  uint64_t foreign;
};

void add_bytes(const sys::ResidentRun& run, void* bytes) {
  *static_cast<uint64_t*>(bytes) += run.end - run.start;
}

// Goes over the mappings and the heap's extents together, both in address order.
class Split {
 public:
  explicit Split(Parts& parts) : parts_(parts) {}

  // Returns false when something could not be measured.
  bool add(const sys::MappingSize& mapping) {
    bool mixed = done_ > mapping.start;
    uint64_t at = mixed ? done_ : mapping.start;
    while (at < mapping.end) {
      heap::Extent extent;
      if (!heap::next_extent(at, &extent)) return false;
      if (extent.kind == heap::ExtentKind::kNone || extent.start >= mapping.end) break;
      if (!scan_.scan(at, extent.start, add_bytes, &parts_.foreign)) return false;
      if (!heap::add_resident(scan_, extent, &parts_.heap)) return false;
      mixed = true;
      at = done_ = extent.end;
    }
    if (mixed && !scan_.tells_huge()) parts_.heap.huge += mapping.huge;
    if (mixed) return scan_.scan(at, mapping.end, add_bytes, &parts_.foreign);
    parts_.foreign += mapping.resident;
    return true;
  }

 private:
  Parts& parts_;
  sys::PageScan scan_;
  uint64_t done_ = 0;  // up to here extents have been counted, even beyond the mapping where they began
};

bool measure(Parts* parts) {
  Split split(*parts);
  sys::MappingSizes mappings;
  bool any = false;
  for (sys::MappingSize mapping; mappings.next(&mapping); any = true) {
    if (!split.add(mapping)) return false;
  }
  return any;
}

}  // namespace

void write_resident(CounterSlot& slot) {
  Parts parts{};
  if (!measure(&parts)) return;
  const uint64_t all = sys::resident_bytes();
  if (all == 0) return;
  slot.set(Counter::kRss, all);
  slot.set(Counter::kRssLive, parts.heap.live);
  slot.set(Counter::kRssFreeInSpan, parts.heap.free_in_span);
  slot.set(Counter::kRssCache, parts.heap.cache);
  slot.set(Counter::kRssMetadata, parts.heap.metadata);
  slot.set(Counter::kRssForeign, parts.foreign);
  slot.set(Counter::kRssHuge, parts.heap.huge);
  slot.set(Counter::kRssStranded, parts.heap.stranded);
  for (unsigned i = 0; i < heap::kClasses; ++i) {
    slot.classes.resident_free[i].store(parts.heap.class_free[i], std::memory_order_relaxed);
    slot.classes.stranded[i].store(parts.heap.class_stranded[i], std::memory_order_relaxed);
  }
  slot.make_known(format::Group::kResident);
}

}  // namespace loam::runtime
