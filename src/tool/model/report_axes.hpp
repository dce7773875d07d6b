// The two axes of a report: time in buckets of equal length, and the addresses that blocks ever had, without the space between
// them. Made by a first reading of the events, which also finds the moment of the peak.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "tool/model/heap_events.hpp"

namespace loam::tool {

// Addresses as rows of tiles of equal size, from the lowest up; parts where nothing ever lay are left out.
class AddressAxis {
 public:
  // Keeps what overlaps [address, address + size).
  void add(std::uint64_t address, std::uint64_t size);
  // Chooses the size of a tile, so that there are at most `most_tiles`. Nothing can be added afterwards.
  void finish(std::uint32_t most_tiles);

  struct Part {
    std::uint64_t start = 0;   // address
    std::uint64_t bytes = 0;   // whole tiles
    std::uint64_t offset = 0;  // of its first byte on the axis
  };
  const std::vector<Part>& parts() const { return parts_; }
  std::uint64_t tile_bytes() const { return tile_; }
  std::uint32_t tiles() const { return static_cast<std::uint32_t>(bytes_ / tile_); }
  std::uint64_t bytes() const { return bytes_; }
  // Where an address lies on the axis. It must have been added.
  std::uint64_t offset(std::uint64_t address) const;

 private:
  std::map<std::uint64_t, std::uint64_t>
      ranges_;                    // start to end, in grains, neither touching nor overlapping
  std::uint64_t last_start_ = 1;  // the range met last: most blocks lie where others lay
  std::uint64_t last_end_ = 0;
  std::vector<Part> parts_;
  mutable std::size_t last_part_ = 0;
  std::uint64_t tile_ = 1;
  std::uint64_t bytes_ = 0;
};

struct ReportAxes {
  AddressAxis addresses;
  std::uint64_t duration = 0;  // nanoseconds, at least 1
  std::uint32_t buckets = 0;   // of time
  std::uint64_t events = 0;
  std::uint64_t strange = 0;     // events left out, see is_plausible
  std::uint64_t peak_event = 0;  // its number, from 1; 0 if there was none
  std::uint64_t peak_bytes = 0;
  std::uint64_t peak_time = 0;

  std::uint32_t bucket(std::uint64_t time) const;
  std::uint64_t end_of(std::uint32_t bucket) const;  // in time
};

// Could a program have had this block? A reader skips an event of which that is not so.
bool is_plausible(const HeapEvent& event);

ReportAxes read_axes(HeapEvents& events, std::uint32_t buckets, std::uint32_t most_tiles);

}  // namespace loam::tool
