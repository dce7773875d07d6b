// The sums of a report against a plain count of the same events, for ranges of buckets chosen at random.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "heap/size_class.hpp"
#include "synthetic.hpp"
#include "tool/model/heap_sums.hpp"
#include "tool/model/report.hpp"

namespace loam::tool {
namespace {

// Events from a list.
class ListedEvents : public HeapEvents {
 public:
  explicit ListedEvents(std::vector<HeapEvent> events, BlockLayout layout = BlockLayout::kUnknown)
      : events_(std::move(events)), layout_(layout) {}
  bool next(HeapEvent& event) override {
    if (at_ == events_.size()) return false;
    event = events_[at_++];
    return true;
  }
  void rewind() override { at_ = 0; }
  RecordingFacts facts() const override { return {}; }
  BlockLayout layout() const override { return layout_; }
  std::vector<ProcessSample> samples() const override { return {}; }
  std::vector<SourceFrame> frames(std::uint32_t) override { return std::vector<SourceFrame>(1); }

 private:
  std::vector<HeapEvent> events_;
  BlockLayout layout_;
  std::size_t at_ = 0;
};

HeapEvent allocation(std::uint64_t time, std::uint64_t address, std::uint64_t size, std::uint32_t stack = 1) {
  HeapEvent event;
  event.time = time;
  event.address = address;
  event.size = size;
  event.stack = stack;
  return event;
}

HeapEvent release(std::uint64_t time, std::uint64_t address) {
  HeapEvent event;
  event.kind = HeapEvent::Kind::kFree;
  event.time = time;
  event.address = address;
  return event;
}

struct Plain {
  std::uint64_t allocations = 0;
  std::uint64_t bytes = 0;
  std::uint64_t frees = 0;
  std::uint64_t live = 0;
  std::uint64_t kept = 0;
};

// By a reading of the events themselves: of each site, in [from, to).
std::map<std::uint32_t, Plain> count(HeapEvents& events, const ReportAxes& axes, std::uint32_t from,
                                     std::uint32_t to) {
  struct Block {
    std::uint64_t size;
    std::uint32_t site;
    bool inside;
  };
  std::map<std::uint32_t, Plain> out;
  std::map<std::uint64_t, Block> live;
  events.rewind();
  HeapEvent event;
  while (events.next(event)) {
    const std::uint32_t bucket = axes.bucket(event.time);
    const bool inside = from <= bucket && bucket < to;
    const bool frees = event.kind != HeapEvent::Kind::kAllocate;
    const auto gone = live.find(event.kind == HeapEvent::Kind::kResize ? event.old_address : event.address);
    if (frees && gone != live.end()) {
      Plain& site = out[gone->second.site];
      if (inside) ++site.frees;
      if (bucket < to) site.live -= gone->second.size;
      live.erase(gone);
    }
    if (event.kind == HeapEvent::Kind::kFree) continue;
    live[event.address] = {event.size, event.stack, inside};
    Plain& site = out[event.stack];
    if (inside) ++site.allocations;
    if (inside) site.bytes += event.size;
    if (bucket < to) site.live += event.size;
  }
  for (const auto& [address, block] : live) {
    if (block.inside) ++out[block.site].kept;
  }
  return out;
}

TEST(ReportSums, AnyRangeIsWhatAReadingOfItGives) {
  test::SyntheticHeap heap(60000, false);
  const auto report = make_report(heap, {.buckets = 64});
  std::mt19937 random(7);
  for (int round = 0; round < 12; ++round) {
    const auto from = static_cast<std::uint32_t>(random() % 64);
    const auto to = from + 1 + static_cast<std::uint32_t>(random() % (64 - from));
    std::map<std::uint32_t, Plain> plain = count(heap, report->axes, from, to);
    for (const ReportSite& site : report->sites.sites) {
      Plain sum;
      for (const SiteSums& part : site.sums) {
        if (part.bucket < to) sum.live += part.bytes - part.freed;
        if (part.bucket < from || part.bucket >= to) continue;
        sum.allocations += part.allocations;
        sum.bytes += part.bytes;
        sum.frees += part.frees;
        sum.kept += part.kept;
      }
      const Plain& wanted = plain[site.stack];
      EXPECT_EQ(sum.allocations, wanted.allocations)
          << "site " << site.stack << " in " << from << " to " << to;
      EXPECT_EQ(sum.bytes, wanted.bytes);
      EXPECT_EQ(sum.frees, wanted.frees);
      EXPECT_EQ(sum.live, wanted.live);
      EXPECT_EQ(sum.kept, wanted.kept);
    }
  }
}

TEST(ReportSums, SitesOverTheBudgetBecomeOneAndNothingIsLost) {
  test::SyntheticHeap heap(30000, false);
  const auto all = make_report(heap, {.buckets = 32});
  const auto few = make_report(heap, {.buckets = 32, .sites = {.sites = 5, .sums = 1000}});
  ASSERT_EQ(few->sites.sites.size(), 6u);
  EXPECT_EQ(few->sites.merged, all->sites.sites.size() - 5);
  const auto bytes = [](const Report& report) {
    std::uint64_t sum = 0;
    for (const ReportSite& site : report.sites.sites) {
      for (const SiteSums& part : site.sums) sum += part.bytes;
    }
    return sum;
  };
  EXPECT_EQ(bytes(*few), bytes(*all));
  EXPECT_LT(*std::max_element(few->sites.number.begin(), few->sites.number.end()), 6u);
}

TEST(ReportSums, PeakIsTheOneMomentAndItsSites) {
  ListedEvents events({allocation(10, 0x1000, 100, 1), allocation(20, 0x2000, 300, 2), release(30, 0x1000),
                       allocation(40, 0x3000, 50, 3), release(50, 0x2000), allocation(99, 0x1000, 10, 1)});
  const auto report = make_report(events, {.buckets = 10});
  EXPECT_EQ(report->axes.peak_bytes, 400u);
  EXPECT_EQ(report->axes.peak_time, 20u);
  for (const ReportSite& site : report->sites.sites) {
    EXPECT_EQ(site.peak_bytes, site.stack == 1 ? 100u : site.stack == 2 ? 300u : 0u) << site.stack;
  }
  EXPECT_EQ(report->buckets[9].live_bytes, 60u);
  EXPECT_EQ(report->buckets[9].peak_bytes, 60u);
  EXPECT_EQ(report->buckets[2].peak_bytes, 400u);
}

TEST(ReportSums, TemporaryIsFreedBeforeTheThreadsNextAllocation) {
  ListedEvents events({allocation(1, 0x1000, 8), release(2, 0x1000), allocation(3, 0x1000, 8),
                       allocation(4, 0x2000, 8), release(5, 0x1000), release(6, 0x2000)});
  const auto report = make_report(events, {.buckets = 1});
  EXPECT_EQ(report->sites.sites[0].sums[0].temporary, 2u);
  EXPECT_EQ(report->sites.sites[0].sums[0].frees, 3u);
}

TEST(ReportSums, HalvesOfAResizeAreNoTemporaryBlocks) {
  std::vector<HeapEvent> list{allocation(1, 0x1000, 8), release(2, 0x1000), allocation(3, 0x2000, 16),
                              release(4, 0x2000)};
  list[1].is_half = list[2].is_half = true;
  ListedEvents events(list);
  EXPECT_EQ(make_report(events, {.buckets = 1})->sites.sites[0].sums[0].temporary, 1u);
  EXPECT_EQ(sum_up(events).whole.temporary, 1u);
}

// One reading that copies what a stack held at a peak only when the stack changes, against two that know where the peak is.
TEST(HeapSums, AreThoseOfTheReport) {
  test::SyntheticHeap heap(60000, false);
  const RecordingSums sums = sum_up(heap);
  const auto report = make_report(heap, {.buckets = 64});
  ASSERT_EQ(sums.stacks.size(), report->sites.sites.size());
  EXPECT_EQ(sums.events, report->axes.events);
  EXPECT_EQ(sums.whole.peak_bytes, report->axes.peak_bytes);
  EXPECT_EQ(sums.whole.live_bytes, report->buckets[63].live_bytes);
  for (const ReportSite& site : report->sites.sites) {
    HeapSums wanted;
    wanted.peak_bytes = site.peak_bytes;
    wanted.peak_blocks = site.peak_blocks;
    wanted.live_bytes = site.live_bytes;
    wanted.live_blocks = site.live_blocks;
    for (const SiteSums& part : site.sums) {
      wanted.allocations += part.allocations;
      wanted.bytes += part.bytes;
      wanted.temporary += part.temporary;
      wanted.temporary_bytes += part.temporary_bytes;
    }
    EXPECT_EQ(sums.stacks.at(site.stack), wanted) << site.stack;
  }
  SizeSums sizes;
  for (const SizeSums& bucket : report->sizes) {
    for (std::size_t i = 0; i < kSizeBins; ++i) sizes.allocations[i] += bucket.allocations[i];
  }
  EXPECT_EQ(sums.sizes.allocations, sizes.allocations);
}

TEST(ReportSums, LostEventsAndStrangeAddressesAreCountedNotBelieved) {
  ListedEvents events({release(1, 0x5000), allocation(2, 0x1000, 16), allocation(3, 0x1000, 32),
                       allocation(4, ~std::uint64_t{0} - 8, 64), allocation(5, 0x2000, ~std::uint64_t{0})});
  const auto report = make_report(events, {.buckets = 4});
  EXPECT_EQ(report->unmatched, 2u);
  EXPECT_EQ(report->axes.strange, 2u);
  EXPECT_EQ(report->buckets[3].live_bytes, 32u);
}

TEST(ReportSums, NoEventsAtAll) {
  ListedEvents events({});
  const auto report = make_report(events, {});
  EXPECT_EQ(report->axes.events, 0u);
  EXPECT_TRUE(report->sites.sites.empty());
  EXPECT_EQ(report->axes.addresses.tiles(), 0u);
}

TEST(ReportMap, PaddingIsThatOfTheHeapsSizeClasses) {
  for (std::uint64_t size = 1; size <= heap::kMaxSmall; ++size)
    ASSERT_EQ(shape_of(BlockLayout::kLoam, 0, size, 4).padding,
              heap::size_of_class(heap::class_of(size)) - size)
        << size;
  EXPECT_EQ(shape_of(BlockLayout::kLoam, 0, 0, 4).padding, 16u);
  EXPECT_EQ(shape_of(BlockLayout::kLoam, 0, heap::kMaxSmall + 1, 4).padding, 4095u);
  // 1040 rounds up to 1088, which is no class; 1152 is one.
  EXPECT_EQ(shape_of(BlockLayout::kLoam, 0, 1040, 6).padding, 1152u - 1040u);
  EXPECT_EQ(shape_of(BlockLayout::kLoam, 0, 100, 12).padding, 4096u - 100u);
  EXPECT_EQ(shape_of(BlockLayout::kLoam, 0, 100, 20).padding, 4096u - 100u);
}

TEST(ReportMap, HeadersAreThoseOfTheCLibrary) {
  const auto shape = [](std::uint64_t address, std::uint64_t size) {
    const BlockShape of = shape_of(BlockLayout::kGlibc, address, size, 4);
    return std::pair(of.header, of.padding);
  };
  EXPECT_EQ(shape(0x1010, 0), std::pair(8ul, 24ul));
  EXPECT_EQ(shape(0x1010, 24), std::pair(8ul, 0ul));
  EXPECT_EQ(shape(0x1010, 25), std::pair(8ul, 15ul));
  EXPECT_EQ(shape(0x1010, 200000), std::pair(16ul, 704ul - 16ul));
  EXPECT_EQ(shape(0x1030, 200000), std::pair(8ul, 8ul));
}

TEST(ReportMap, HeadersAndPaddingOfEachMoment) {
  ListedEvents events({allocation(0, 0x10010, 25), allocation(1, 0x10040, 24), release(50, 0x10010)},
                      BlockLayout::kGlibc);
  const auto report = make_report(events, {.buckets = 2});
  EXPECT_EQ(report->buckets[0].headers, 16u);
  EXPECT_EQ(report->buckets[0].padding, 15u);
  EXPECT_EQ(report->buckets[1].headers, 8u);
  EXPECT_EQ(report->buckets[1].padding, 0u);
  ASSERT_EQ(report->map->blocks().size(), 2u);
  EXPECT_EQ(report->map->blocks()[0].shape.padding, 15u);
}

TEST(ReportMap, CellsTellHowFullATileWas) {
  ListedEvents events({allocation(0, 0x10000, 4096), allocation(1, 0x11000, 2048), release(50, 0x10000),
                       allocation(99, 0x900000, 1)});
  const auto report = make_report(events, {.buckets = 2});
  ASSERT_EQ(report->axes.addresses.tiles(), 3u);  // the space between is left out
  const std::vector<std::uint8_t>& cells = report->map->cells();
  EXPECT_EQ(cells[0], 255);
  EXPECT_NEAR(cells[1], 2 + 253 / 2, 1);
  EXPECT_EQ(cells[2], HeapMap::kUntouched);
  EXPECT_EQ(cells[3], HeapMap::kEmpty);
  EXPECT_EQ(cells[5], 2);
}

TEST(ReportMap, KeepsTheLargestBlocksThatTheBudgetAllows) {
  std::vector<HeapEvent> events;
  for (std::uint64_t i = 0; i < 1000; ++i) events.push_back(allocation(i, 0x10000 + i * 4096, i + 1));
  ListedEvents source(events);
  const auto report = make_report(source, {.buckets = 1, .blocks = 100});
  ASSERT_EQ(report->map->blocks().size(), 100u);
  EXPECT_EQ(report->map->left_out(), 900u);
  for (const MapBlock& block : report->map->blocks()) EXPECT_GT(block.size, 900u);
  EXPECT_TRUE(std::is_sorted(report->map->blocks().begin(), report->map->blocks().end(),
                             [](const MapBlock& a, const MapBlock& b) { return a.offset < b.offset; }));
}

TEST(ReportMap, TilesStayFewHoweverFarApartBlocksLie) {
  std::vector<HeapEvent> events;
  for (std::uint64_t i = 0; i < 3000; ++i) events.push_back(allocation(i, (i + 1) << 32U, 1 << 20U));
  ListedEvents source(events);
  const auto report = make_report(source, {});
  EXPECT_LE(report->axes.addresses.tiles(), 768u);
  EXPECT_GT(report->axes.addresses.tiles(), 0u);
}

}  // namespace
}  // namespace loam::tool
