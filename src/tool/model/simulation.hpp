// A program's operations under a placement policy, as numbers: the policies themselves (include/loam/detail/policy_region.hpp) on
// addresses that have no memory behind them. Exact: the same blocks at the same places as in a real region.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <loam/detail/policy_region.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tool/model/allocator_replay.hpp"
#include "tool/model/demand.hpp"
#include "tool/model/operations.hpp"
#include "tool/model/site_advice.hpp"

namespace loam::tool {

struct FreePieces {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

// How a policy met it. Johnstone and Wilson's four measures are shares of the live bytes: heap / live - 1.
struct Placement {
  std::string policy;
  double cpu_seconds = 0;  // of placing, not of reading the operations
  loam::detail::policy_counters counters;
  std::uint64_t moves = 0;  // resizes that needed another place
  std::uint64_t moved_bytes = 0;
  std::uint64_t refused = 0;  // the region is at its limit of addresses

  std::uint64_t peak_heap = 0;
  std::uint64_t peak_region = 0;  // without blocks in mappings of their own
  // At the first moment with the most live bytes:
  std::uint64_t heap_at_peak = 0;
  std::uint64_t header_bytes = 0;
  std::uint64_t padding_bytes = 0;  // rounding, alignment, what is too small to cut off
  std::uint64_t free_bytes = 0;
  double average = 0;       // measure 1: over all operations
  double at_most_live = 0;  // 2: at that moment
  double at_most_heap = 0;  // 3: when the heap was largest
  double of_peaks = 0;      // 4: largest heap against most live bytes, whenever each was

  // At the end:
  std::uint64_t end_heap = 0;
  std::uint64_t end_free = 0;
  std::uint64_t end_top = 0;              // free at the end of the region: all that a break can give back
  std::uint64_t end_pages = 0;            // in whole free pages: what mappings could give back
  std::array<FreePieces, 10> end_tenths;  // free blocks by the tenth of the heap that they begin in
  std::uint64_t table_bytes = 0;
};

struct PlacedBlock {
  std::uint64_t offset;  // of its header, from the region's beginning
  std::uint64_t bytes;   // header included
  std::uint64_t asked;
};

// Sees each block come and go.
class PlacementWatcher {
 public:
  virtual ~PlacementWatcher() = default;
  virtual void came(const PlacedBlock& block) = 0;
  virtual void went(const PlacedBlock& block) = 0;
  // After each operation: how large the heap is.
  virtual void settled(std::uint64_t heap) = 0;
};

class Simulation {
 public:
  virtual ~Simulation() = default;
  virtual void apply(const Piece& piece) = 0;
  virtual Placement finish() = 0;
};

// What is the same for every policy of a replay.
struct ReplaySettings {
  ReplaySettings() = default;
  ReplaySettings(const loam::detail::policy_settings& of_policy) : policy(of_policy) {}

  loam::detail::policy_settings policy;
  std::uint64_t big =
      0;  // blocks from here on have mappings of their own, as with `loam run --policy-big`; 0: none
  bool is_break = true;  // the region's pages come from the break, which alone can be made smaller
};

// `watcher`: told of every block of the policy's, if there is one.
std::unique_ptr<Simulation> simulate(loam::detail::policy_kind kind, const ReplaySettings& settings,
                                     PlacementWatcher* watcher = nullptr);

// What else would have helped under the policy recommended: filled in by a second reading (replay_advice.hpp).
struct ReplayAdvice {
  std::vector<SiteAdvice> sites;
  std::vector<std::vector<SourceFrame>> frames;  // of each site
  std::optional<Placement> managed;              // with managers at the sites
  std::uint64_t managed_operations = 0;
  std::uint64_t big = 0;
  std::optional<Placement> apart;  // with blocks from `big` bytes on in mappings of their own
  // Whether that needs clearly less than the policy alone.
  bool helps(const Placement& alone) const {
    return apart && apart->peak_heap + apart->peak_heap / 50 < alone.peak_heap;
  }
};

// The recommendation carried out: what was predicted with the run's own steps of growth, and what was measured.
struct MeasuredRun {
  std::string command;
  std::uint64_t predicted_bytes = 0;  // largest heap
  std::uint64_t measured_bytes = 0;
  std::uint64_t served = 0;
  std::uint64_t allocations = 0;
};

struct Replayed {
  Demand demand;
  std::uint64_t skipped = 0;
  std::vector<Placement> placements;
  std::size_t recommended = 0;  // of the placements
  // From the beginning of the file to its end, and the processor time of reading it.
  double wall_seconds = 0;
  double reading_seconds = 0;
  std::vector<AllocatorReplay> allocators;
  ReplayAdvice advice;
  std::string source;  // of the region's pages, where it was asked for
  std::optional<MeasuredRun> measured;
};

// Sees every piece as well, with the origins of its operations where the source keeps them.
using PieceReader = std::function<void(std::span<const Operation>, std::span<const OperationOrigin>)>;

Replayed replay(OperationSource& source, const std::vector<loam::detail::policy_kind>& kinds,
                const ReplaySettings& settings, const PieceReader& reader = {});

// The placement with the smallest peak; of several within one in a hundred, the fastest.
std::size_t recommended(const std::vector<Placement>& placements);

}  // namespace loam::tool
