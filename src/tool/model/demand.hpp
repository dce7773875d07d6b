// What a stream of operations asks of any allocator: the same under every policy, and therefore added up once, by who reads the stream.
// A policy then looks at it only where its heap changes, or at the end of a piece. Thread safety: none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tool/model/operations.hpp"

namespace loam::tool {

struct Demand {
  std::uint64_t operations = 0;
  std::uint64_t allocations = 0;
  std::uint64_t releases = 0;
  std::uint64_t resizes = 0;
  std::uint64_t live_bytes = 0;  // asked for
  std::uint64_t live_blocks = 0;
  std::uint64_t peak_bytes = 0;
  std::uint64_t peak_blocks = 0;
  std::uint64_t largest = 0;        // block asked for
  std::uint32_t block_numbers = 0;  // are below
};

// One piece of operations and what was live after each.
struct Piece {
  std::span<const Operation> operations;
  std::span<const std::uint64_t> live_bytes;
  // The sum of 1 / live bytes over all operations of the piece so far, without those that leave nothing live: a heap that stayed the
  // same from one operation to another had, all together, that much of it for each live byte.
  std::span<const double> inverse_sums;
  std::size_t with_live = 0;  // operations that leave something live
  std::uint64_t block_numbers = 0;
  // How many operations the last of those ends that left more live bytes than there ever were; 0: the piece has none.
  std::size_t peak_end = 0;
  std::uint64_t peak_blocks = 0;  // live then
};

class DemandCount {
 public:
  // Valid until the call after the next: one piece may be read while another is placed.
  Piece count(std::span<const Operation> operations);
  const Demand& demand() const { return demand_; }

 private:
  struct Live {
    std::vector<std::uint64_t> bytes;
    std::vector<double> inverse_sums;
  };
  void count_one(const Operation& operation);

  Demand demand_;
  std::vector<std::uint64_t> sizes_;  // by block number
  std::array<Live, 2> live_;
  std::size_t pieces_ = 0;
};

}  // namespace loam::tool
