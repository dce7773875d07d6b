// The sums of a report: per time bucket of the whole heap, per site and bucket, per size and bucket. They are such that the page
// adds up any range of buckets and gets what a reading of the events of that range would have given (docs/report.md).
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "tool/model/heap_map.hpp"
#include "tool/model/live_blocks.hpp"

namespace loam::tool {

// The whole heap in one bucket.
struct BucketSums {
  std::uint64_t live_bytes = 0;  // at its end
  std::uint64_t live_blocks = 0;
  std::uint64_t headers = 0;  // bytes, of those blocks
  std::uint64_t padding = 0;
  std::uint64_t peak_bytes = 0;  // the most within it
  std::uint64_t allocations = 0;
  std::uint64_t bytes = 0;  // allocated
  std::uint64_t frees = 0;
  std::uint64_t freed = 0;  // bytes
  std::uint64_t resizes = 0;
};

// One site in one bucket.
struct SiteSums {
  std::uint32_t bucket = 0;
  std::uint64_t allocations = 0;
  std::uint64_t bytes = 0;
  std::uint64_t frees = 0;  // of its blocks
  std::uint64_t freed = 0;
  std::uint64_t temporary = 0;  // of those, freed before their thread allocated again
  std::uint64_t temporary_bytes = 0;
  std::uint64_t life = 0;  // of the blocks freed, in microseconds
  std::uint64_t kept = 0;  // of its allocations, those never freed
  std::uint64_t kept_bytes = 0;
};

struct ReportSite {
  std::uint32_t stack = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t live_blocks = 0;
  std::uint64_t peak_bytes = 0;  // at the moment of the heap's peak
  std::uint64_t peak_blocks = 0;
  std::vector<SiteSums> sums;  // only buckets in which something happened, in order
};

// Sizes in half powers of two: bin 0 is size 0, bin 2k+1 begins at 2^k, bin 2k+2 at 1.5 * 2^k.
inline constexpr std::uint32_t kSizeBins = 2 * 57 + 1;
std::uint32_t size_bin(std::uint64_t size);
std::uint64_t size_bin_start(std::uint32_t bin);

struct SizeSums {
  std::array<std::uint64_t, kSizeBins> allocations{};
  std::array<std::uint64_t, kSizeBins> bytes{};
};

class ReportBook {
 public:
  ReportBook(const ReportAxes& axes, HeapMap& map, BlockLayout layout = BlockLayout::kUnknown);
  // The events in their order, then finish().
  void add(const HeapEvent& event);
  void finish();

  const std::vector<BucketSums>& buckets() const { return buckets_; }
  const std::vector<ReportSite>& sites() const { return sites_; }
  const std::vector<SizeSums>& sizes() const { return sizes_; }
  std::uint64_t unmatched() const { return unmatched_; }  // frees of blocks that were not seen allocated
  std::uint64_t threads() const { return last_of_thread_.size(); }

 private:
  struct Block {
    std::uint64_t size = 0;
    std::uint64_t time = 0;
    std::uint32_t site = 0;
    std::uint32_t bucket : 26 = 0;
    std::uint32_t log_alignment : 6 = 0;
  };

  BlockShape shape_of_block(std::uint64_t address, const Block& block) const;
  MapBlock map_block(std::uint64_t address, const Block& block, std::uint32_t died) const;
  void allocate(const HeapEvent& event);
  void release(const HeapEvent& event, std::uint64_t address);
  SiteSums& retire(std::uint64_t address, const Block& block, std::uint64_t time);
  void pass_to(std::uint32_t bucket);
  std::uint32_t site_of(std::uint32_t stack);
  SiteSums& sums(std::uint32_t site, std::uint32_t bucket);
  void note_peak();

  const ReportAxes& axes_;
  HeapMap& map_;
  BlockLayout layout_;
  LiveBlocks<Block> live_;
  std::vector<BucketSums> buckets_;
  std::vector<ReportSite> sites_;
  std::vector<SizeSums> sizes_;
  std::unordered_map<std::uint32_t, std::uint32_t> site_of_stack_;
  std::unordered_map<std::uint32_t, std::uint64_t>
      last_of_thread_;  // address of the thread's last allocation
  std::uint32_t bucket_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t headers_ = 0;
  std::uint64_t padding_ = 0;
  std::uint64_t unmatched_ = 0;
};

}  // namespace loam::tool
