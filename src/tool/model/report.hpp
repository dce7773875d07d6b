// Everything that a report page shows, made from two readings of the events: the first finds the axes and the peak, the second
// adds up. Needs memory for the blocks that live at once, whatever the number of events.
#pragma once

#include <memory>
#include <vector>

#include "tool/model/heap_events.hpp"
#include "tool/model/heap_map.hpp"
#include "tool/model/report_book.hpp"
#include "tool/model/report_sites.hpp"

namespace loam::tool {

struct ReportLimits {
  std::uint32_t buckets = 512;
  std::uint32_t tiles = 768;
  std::size_t blocks = 250000;  // of the heap map
  SiteBudget sites{};
};

struct Report {
  RecordingFacts facts;
  ReportAxes axes;
  std::vector<BucketSums> buckets;
  std::vector<SizeSums> sizes;
  std::vector<ProcessSample> samples;
  ChosenSites sites;
  std::unique_ptr<HeapMap> map;
  std::uint64_t all_sites = 0;
  std::uint64_t unmatched = 0;
  std::uint64_t threads = 0;
};

// The report refers to itself and is not moved.
std::unique_ptr<Report> make_report(HeapEvents& events, const ReportLimits& limits);

}  // namespace loam::tool
