#include "tool/model/report_book.hpp"

#include <algorithm>
#include <bit>

namespace loam::tool {
namespace {

constexpr std::uint64_t kNoAddress = ~std::uint64_t{0};
constexpr std::uint32_t kMostBucket = (1U << 26) - 1;

}  // namespace

std::uint32_t size_bin(std::uint64_t size) {
  if (size == 0) return 0;
  const auto power = static_cast<std::uint32_t>(std::bit_width(size)) - 1;
  const bool upper = power > 0 && ((size >> (power - 1)) & 1U) != 0;
  return std::min(2 * power + (upper ? 2U : 1U), kSizeBins - 1);
}

std::uint64_t size_bin_start(std::uint32_t bin) {
  if (bin == 0) return 0;
  const std::uint64_t power = std::uint64_t{1} << ((bin - 1) / 2);
  return bin % 2 == 1 ? power : power + power / 2;
}

ReportBook::ReportBook(const ReportAxes& axes, HeapMap& map, BlockLayout layout)
    : axes_(axes), map_(map), layout_(layout), buckets_(axes.buckets), sizes_(axes.buckets) {}

std::uint32_t ReportBook::site_of(std::uint32_t stack) {
  const auto [at, is_new] = site_of_stack_.try_emplace(stack, static_cast<std::uint32_t>(sites_.size()));
  if (is_new) sites_.emplace_back().stack = stack;
  return at->second;
}

// The sums of the bucket that is open, or of an earlier one: of the end, where blocks never freed are told.
SiteSums& ReportBook::sums(std::uint32_t site, std::uint32_t bucket) {
  std::vector<SiteSums>& all = sites_[site].sums;
  if (all.empty() || all.back().bucket < bucket) {
    all.emplace_back().bucket = bucket;
    return all.back();
  }
  return *std::lower_bound(all.begin(), all.end(), bucket,
                           [](const SiteSums& some, std::uint32_t wanted) { return some.bucket < wanted; });
}

void ReportBook::pass_to(std::uint32_t bucket) {
  while (bucket_ < bucket) {
    buckets_[bucket_].live_bytes = live_bytes_;
    buckets_[bucket_].live_blocks = live_.size();
    buckets_[bucket_].headers = headers_;
    buckets_[bucket_].padding = padding_;
    map_.end_bucket(bucket_);
    if (++bucket_ < axes_.buckets) buckets_[bucket_].peak_bytes = live_bytes_;
  }
}

BlockShape ReportBook::shape_of_block(std::uint64_t address, const Block& block) const {
  return shape_of(layout_, address, block.size, block.log_alignment);
}

MapBlock ReportBook::map_block(std::uint64_t address, const Block& block, std::uint32_t died) const {
  return {axes_.addresses.offset(address),          block.size,
          shape_of_block(address, block),           block.site,
          static_cast<std::uint16_t>(block.bucket), static_cast<std::uint16_t>(died)};
}

// The end of a block, in all sums. The block itself is out of live_ already, or about to be overwritten.
SiteSums& ReportBook::retire(std::uint64_t address, const Block& block, std::uint64_t time) {
  ReportSite& site = sites_[block.site];
  site.live_bytes -= block.size;
  --site.live_blocks;
  live_bytes_ -= block.size;
  const BlockShape shape = shape_of_block(address, block);
  headers_ -= shape.header;
  padding_ -= shape.padding;
  map_.release(address, block.size);
  map_.keep(map_block(address, block, bucket_));
  ++buckets_[bucket_].frees;
  buckets_[bucket_].freed += block.size;
  SiteSums& part = sums(block.site, bucket_);
  ++part.frees;
  part.freed += block.size;
  part.life += (time - std::min(block.time, time)) / 1000;
  return part;
}

void ReportBook::release(const HeapEvent& event, std::uint64_t address) {
  Block block;
  if (!live_.take(address, block)) {
    ++unmatched_;
    return;
  }
  SiteSums& part = retire(address, block, event.time);
  // A block that grows is no temporary one.
  if (event.kind != HeapEvent::Kind::kFree || event.is_half) return;
  std::uint64_t& last = last_of_thread_.try_emplace(event.thread, kNoAddress).first->second;
  if (last != address) return;
  last = kNoAddress;
  ++part.temporary;
  part.temporary_bytes += block.size;
}

void ReportBook::allocate(const HeapEvent& event) {
  const std::uint32_t site = site_of(event.stack);
  bool is_new = false;
  Block& block = live_.at(event.address, is_new);
  // A block whose free was lost: it cannot be there any longer.
  if (!is_new) {
    ++unmatched_;
    retire(event.address, block, event.time);
  }
  block = {event.size, event.time, site, bucket_ & kMostBucket, event.alignment_log & 63U};
  const BlockShape shape = shape_of_block(event.address, block);
  headers_ += shape.header;
  padding_ += shape.padding;
  map_.allocate(event.address, event.size);
  live_bytes_ += event.size;
  BucketSums& whole = buckets_[bucket_];
  ++whole.allocations;
  whole.bytes += event.size;
  whole.peak_bytes = std::max(whole.peak_bytes, live_bytes_);
  SiteSums& part = sums(site, bucket_);
  ++part.allocations;
  part.bytes += event.size;
  sites_[site].live_bytes += event.size;
  ++sites_[site].live_blocks;
  const std::uint32_t bin = size_bin(event.size);
  ++sizes_[bucket_].allocations[bin];
  sizes_[bucket_].bytes[bin] += event.size;
  last_of_thread_[event.thread] = event.address;
}

void ReportBook::note_peak() {
  for (ReportSite& site : sites_) {
    site.peak_bytes = site.live_bytes;
    site.peak_blocks = site.live_blocks;
  }
}

void ReportBook::add(const HeapEvent& event) {
  if (!is_plausible(event)) return;
  // Rings are drained one after the other: a time may lie a little behind the one before it.
  pass_to(std::max(bucket_, axes_.bucket(event.time)));
  ++events_;
  if (event.kind == HeapEvent::Kind::kResize) ++buckets_[bucket_].resizes;
  if (event.kind == HeapEvent::Kind::kFree) {
    release(event, event.address);
  } else {
    if (event.kind == HeapEvent::Kind::kResize && event.old_address != 0) release(event, event.old_address);
    allocate(event);
  }
  if (events_ == axes_.peak_event) note_peak();
}

void ReportBook::finish() {
  pass_to(axes_.buckets);
  live_.visit([this](std::uint64_t address, const Block& block) {
    SiteSums& part = sums(block.site, block.bucket);
    ++part.kept;
    part.kept_bytes += block.size;
    map_.keep(map_block(address, block, axes_.buckets));
  });
  map_.finish();
}

}  // namespace loam::tool
