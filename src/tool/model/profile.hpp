// A recording summed up by who allocated: what profilers show, and most exports are. Two readings of the events, the first of which
// finds the moment of the peak; the sums are those of a report's book with one bucket of time.
#pragma once

#include <cstdint>
#include <vector>

#include "tool/model/heap_events.hpp"
#include "tool/model/report_axes.hpp"
#include "tool/model/report_book.hpp"

namespace loam::tool {

struct ProfileSite {
  std::uint32_t stack = 0;
  std::uint64_t allocations = 0;
  std::uint64_t bytes = 0;
  std::uint64_t temporary = 0;  // freed before their thread allocated again
  std::uint64_t frees = 0;
  std::uint64_t life = 0;         // of the blocks freed, in microseconds
  std::uint64_t peak_blocks = 0;  // when most bytes were live in the whole heap
  std::uint64_t peak_bytes = 0;
  std::uint64_t kept_blocks = 0;  // never freed
  std::uint64_t kept_bytes = 0;
};

// What a profile may show of each site, as a format names it.
struct ProfileMeasure {
  const char* name;
  const char* unit;
  std::uint64_t ProfileSite::* value;
};

struct Profile {
  RecordingFacts facts;
  std::vector<ProfileSite> sites;  // those that allocated most bytes first
  ProfileSite whole;               // the sum of all
  std::uint64_t events = 0;
  std::uint64_t peak_time = 0;  // nanoseconds
  std::uint64_t duration = 0;   // nanoseconds
  std::uint64_t unmatched = 0;  // frees of blocks that were not seen allocated
  std::uint64_t threads = 0;
};

Profile make_profile(HeapEvents& events);

// The whole heap over time, in so many buckets.
struct HeapCurve {
  ReportAxes axes;
  std::vector<BucketSums> buckets;
};
HeapCurve make_curve(HeapEvents& events, std::uint32_t buckets);

}  // namespace loam::tool
