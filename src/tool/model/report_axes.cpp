#include "tool/model/report_axes.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "tool/model/live_blocks.hpp"

namespace loam::tool {
namespace {

// Addresses are kept to this much: finer would make a range of every gap between two blocks.
constexpr std::uint64_t kGrain = 4096;
// Beyond any address of a program; a damaged or foreign file may hold others.
constexpr std::uint64_t kMostAddress = std::uint64_t{1} << 57U;

}  // namespace

void AddressAxis::add(std::uint64_t address, std::uint64_t size) {
  const std::uint64_t start = address / kGrain;
  const std::uint64_t end = (address + (size == 0 ? 1 : size) - 1) / kGrain + 1;
  if (last_start_ <= start && end <= last_end_) return;
  auto at = ranges_.upper_bound(start);
  if (at != ranges_.begin() && std::prev(at)->second >= start) --at;
  std::uint64_t low = start;
  std::uint64_t high = end;
  while (at != ranges_.end() && at->first <= high) {
    low = std::min(low, at->first);
    high = std::max(high, at->second);
    at = ranges_.erase(at);
  }
  ranges_[low] = high;
  last_start_ = low;
  last_end_ = high;
}

void AddressAxis::finish(std::uint32_t most_tiles) {
  for (tile_ = kGrain;; tile_ *= 2) {
    parts_.clear();
    bytes_ = 0;
    for (const auto& [first, last] : ranges_) {
      const std::uint64_t start = base::align_down(first * kGrain, tile_);
      const std::uint64_t end = base::align_up(last * kGrain, tile_);
      Part* before = parts_.empty() ? nullptr : &parts_.back();
      const bool joins = before != nullptr && start <= before->start + before->bytes;
      if (joins) {
        bytes_ += end - (before->start + before->bytes);
        before->bytes = end - before->start;
      } else {
        parts_.push_back({start, end - start, bytes_});
        bytes_ += end - start;
      }
    }
    if (bytes_ / tile_ <= most_tiles || tile_ >= kMostAddress) break;
  }
}

std::uint64_t AddressAxis::offset(std::uint64_t address) const {
  const Part* part = last_part_ < parts_.size() ? &parts_[last_part_] : nullptr;
  if (part == nullptr || address < part->start || address - part->start >= part->bytes) {
    const auto next = std::upper_bound(parts_.begin(), parts_.end(), address,
                                       [](std::uint64_t at, const Part& some) { return at < some.start; });
    last_part_ = static_cast<std::size_t>(next - parts_.begin()) - 1;
    part = &parts_[last_part_];
  }
  return part->offset + (address - part->start);
}

std::uint32_t ReportAxes::bucket(std::uint64_t time) const {
  const auto number = static_cast<unsigned __int128>(time) * buckets / duration;
  return number >= buckets ? buckets - 1 : static_cast<std::uint32_t>(number);
}

std::uint64_t ReportAxes::end_of(std::uint32_t bucket) const {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(duration) * (bucket + 1) / buckets);
}

bool is_plausible(const HeapEvent& event) {
  return event.address < kMostAddress && event.old_address < kMostAddress && event.size < kMostAddress;
}

ReportAxes read_axes(HeapEvents& events, std::uint32_t buckets, std::uint32_t most_tiles) {
  ReportAxes axes;
  axes.buckets = buckets;
  LiveBlocks<std::uint64_t> live;
  std::uint64_t bytes = 0;
  std::uint64_t last_time = 0;
  HeapEvent event;
  events.rewind();
  while (events.next(event)) {
    if (!is_plausible(event)) {
      ++axes.strange;
      continue;
    }
    ++axes.events;
    last_time = std::max(last_time, event.time);
    std::uint64_t gone = 0;
    if (event.kind == HeapEvent::Kind::kFree && live.take(event.address, gone)) bytes -= gone;
    if (event.kind == HeapEvent::Kind::kResize && live.take(event.old_address, gone)) bytes -= gone;
    if (event.kind == HeapEvent::Kind::kFree) continue;
    bool is_new = false;
    std::uint64_t& size = live.at(event.address, is_new);
    if (!is_new) bytes -= size;
    size = event.size;
    bytes += size;
    axes.addresses.add(event.address, event.size);
    if (bytes > axes.peak_bytes) {
      axes.peak_bytes = bytes;
      axes.peak_event = axes.events;
      axes.peak_time = event.time;
    }
  }
  // The last event belongs into the last bucket, not behind it.
  axes.duration = std::max({last_time + 1, events.facts().duration, std::uint64_t{1}});
  axes.addresses.finish(most_tiles);
  return axes;
}

}  // namespace loam::tool
