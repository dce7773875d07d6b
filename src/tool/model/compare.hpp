// Two recordings side by side: the whole heap, its sizes, and each call site of either.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tool/model/heap_sums.hpp"
#include "tool/model/symbols.hpp"

namespace loam::tool {

enum class CompareBy : std::uint8_t { kLive, kPeak, kBytes, kCount };

// "live", "peak", "bytes", "count"
const char* name_of(CompareBy by);
CompareBy compare_by(const std::string& name);

std::uint64_t figure_of(const HeapSums& sums, CompareBy by);

enum class SiteChange : std::uint8_t { kSame, kGrew, kShrank, kNew, kGone };
const char* name_of(SiteChange change);

struct ComparedSite {
  std::vector<SourceFrame> frames;  // innermost first
  bool shows_before = false;        // the frames are those of before, as the site has nothing left
  HeapSums before;
  HeapSums after;
  // How many stacks it stands for: more than one where they cannot be told apart.
  std::uint32_t stacks_before = 0;
  std::uint32_t stacks_after = 0;

  SiteChange change(CompareBy by) const;
};

struct ComparedRecording {
  RecordingFacts facts;
  HeapSums whole;
  SizeSums sizes;
  std::uint64_t events = 0;
};

struct Comparison {
  ComparedRecording before;
  ComparedRecording after;
  CompareBy by = CompareBy::kLive;
  bool has_sites = false;            // else one of the two was recorded without stacks
  std::vector<ComparedSite> sites;   // the largest difference first
  std::vector<std::string> rebuilt;  // modules of which the builds differ
  std::vector<std::string>
      nameless;  // of those, the ones whose functions are not all known in the recording before
  std::uint64_t changes[5] = {};  // sites by SiteChange
};

Comparison compare(HeapEvents& before, HeapEvents& after, CompareBy by);

}  // namespace loam::tool
