#include "tool/model/simulation.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "tool/model/crew.hpp"
#include "tool/model/huge_table.hpp"

namespace loam::tool {
namespace {

namespace detail = loam::detail;

constexpr std::uint64_t kFirst = std::uint64_t{1} << 40;
constexpr std::uint64_t kPage = 4096;
double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double over(std::uint64_t heap, std::uint64_t live) {
  return live == 0 ? 0 : static_cast<double>(heap) / static_cast<double>(live) - 1;
}

template <class Policy>
class PolicySimulation : public Simulation {
 public:
  PolicySimulation(const char* name, const ReplaySettings& settings, PlacementWatcher* watcher)
      : settings_(settings.policy),
        big_(settings.big == 0 ? ~std::uint64_t{0} : settings.big),
        watcher_(watcher) {
    placement_.policy = name;
    detail::page_source bare;
    bare.extend = [](void*, std::uint64_t end, std::uint64_t) { return end; };
    if (settings.is_break) bare.shrink = [](void*, std::uint64_t, std::uint64_t) { return true; };
    // So that the first block stands on a page, as in memory, without a page in front of it.
    region_.open(settings_, bare, huge_table, kFirst - settings_.header);
  }
  ~PolicySimulation() override {
    region_.close();
    blocks_.clear(huge_table);
  }
  PolicySimulation(const PolicySimulation&) = delete;
  PolicySimulation& operator=(const PolicySimulation&) = delete;

  void apply(const Piece& piece) override {
    std::uint32_t most = 0;
    for (const Operation& operation : piece.operations) most = std::max(most, operation.block);
    if (!blocks_.reserve(huge_table, std::uint64_t{most} + 1)) throw std::bad_alloc();
    for (std::size_t first = 0; first < piece.operations.size(); first += kStretch) {
      const std::size_t count = std::min(kStretch, piece.operations.size() - first);
      const double before = cpu_seconds();
      place_stretch(piece.operations, first, count);
      placement_.cpu_seconds += cpu_seconds() - before;
      for (std::size_t i = 0; i < count; ++i)
        look(piece.live_bytes[first + i], piece.live_blocks[first + i], heap_[i], free_[i]);
    }
  }

  Placement finish() override {
    placement_.counters = region_.counters();
    placement_.counters.grows += apart_made_;
    placement_.counters.shrinks += apart_gone_;
    placement_.table_bytes = region_.table_bytes();
    placement_.average = looks_ == 0 ? 0 : sum_ / static_cast<double>(looks_);
    placement_.at_most_live = over(placement_.heap_at_peak, most_live_);
    placement_.at_most_heap = over(placement_.peak_heap, live_at_most_heap_);
    placement_.of_peaks = over(placement_.peak_heap, most_live_);
    placement_.end_heap = region_.end() - region_.begin() + apart_bytes_;
    placement_.end_free = region_.free_bytes();
    measure_end();
    return placement_;
  }

 private:
  void place_stretch(std::span<const Operation> operations, std::size_t first, std::size_t count) {
    if (watcher_ != nullptr) return place_each<false, true>(operations.data() + first, 0, count);
    const std::size_t ahead = operations.size() > kFar ? operations.size() - kFar : 0;
    const std::size_t seen = ahead > first ? std::min(count, ahead - first) : 0;
    place_each<true, false>(operations.data() + first, 0, seen);
    place_each<false, false>(operations.data() + first, seen, count);
  }
  template <bool Ahead, bool Watched>
  void place_each(const Operation* operations, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if constexpr (Ahead) look_ahead(operations + i);
      if constexpr (Watched)
        place_watched(operations[i]);
      else
        place(operations[i]);
      const std::uint64_t heap = region_.end() - region_.begin();
      placement_.peak_region = std::max(placement_.peak_region, heap);
      heap_[i] = heap + apart_bytes_;
      free_[i] = region_.free_bytes();
    }
  }
  // A million blocks are more than a cache holds: what the next operations will look at is asked for while others are dealt with.
  void look_ahead(const Operation* now) {
    __builtin_prefetch(&blocks_[now[kFar].block], 1);
    const Operation& near = now[kNear];
    if (near.kind == OperationKind::kRelease) region_.prefetch(blocks_[near.block]);
    const Operation& next = now[kNext];
    if (next.kind == OperationKind::kAllocate) return region_.prefetch_allocation(next.size);
    if (next.kind == OperationKind::kRelease) region_.prefetch_more(blocks_[next.block]);
  }
  // Inlined by order: GCC thinks it too large, and a call and what it saves are a tenth of an operation.
  [[gnu::always_inline]] void place(const Operation& operation) {
    std::uint64_t& block = blocks_[operation.block];
    if (operation.kind == OperationKind::kAllocate) {
      block = allocate(operation);
    } else if (operation.kind == OperationKind::kRelease) {
      release(block);
      block = 0;
    } else {
      resize(block, operation);
    }
  }
  [[gnu::always_inline]] std::uint64_t allocate(const Operation& operation) {
    if (operation.log_alignment != 0 || operation.size >= big_) [[unlikely]]
      return allocate_other(operation);
    return known(region_.allocate(operation.size));
  }
  [[gnu::noinline]] std::uint64_t allocate_other(const Operation& operation) {
    if (operation.size < big_)
      return known(region_.allocate(operation.size, std::size_t{1} << operation.log_alignment));
    const std::uint64_t bytes = pages_for(operation.size);
    apart_bytes_ += bytes;
    ++apart_made_;
    return kApart | bytes;
  }
  std::uint64_t known(std::uint64_t block) {
    placement_.refused += block == 0 ? 1 : 0;
    return block;
  }
  void release(std::uint64_t block) {
    if (block != 0 && (block & kApart) == 0) [[likely]]
      return region_.release_known(block);
    if (block == 0) return;
    apart_bytes_ -= block & ~kApart;
    ++apart_gone_;
  }
  [[gnu::noinline]] void resize(std::uint64_t& block, const Operation& operation) {
    if ((block & kApart) != 0) {
      if (operation.size < big_) return move(block, operation);
      // The kernel moves mappings without a copy.
      apart_bytes_ += pages_for(operation.size) - (block & ~kApart);
      block = kApart | pages_for(operation.size);
    } else if (block == 0 || operation.size >= big_ || !region_.resize(block, operation.size)) {
      move(block, operation);
    }
  }
  void place_watched(const Operation& operation) {
    if (operation.block >= asked_.size()) asked_.resize(operation.block + std::size_t{1} + asked_.size() / 2);
    if (is_placed(operation.block)) watcher_->went(placed(operation.block));
    place(operation);
    asked_[operation.block] = operation.size;
    if (is_placed(operation.block)) watcher_->came(placed(operation.block));
    watcher_->settled(region_.end() - region_.begin());
  }
  bool is_placed(std::uint32_t number) const {
    return blocks_[number] != 0 && (blocks_[number] & kApart) == 0;
  }
  PlacedBlock placed(std::uint32_t number) {
    const std::uint64_t address = blocks_[number];
    return {address - settings_.header - region_.begin(), region_.size_of(address) + settings_.header,
            asked_[number]};
  }
  void move(std::uint64_t& block, const Operation& operation) {
    const std::uint64_t fresh = allocate(operation);
    if (block != 0) {
      const std::uint64_t old = (block & kApart) != 0 ? block & ~kApart : region_.size_of(block);
      ++placement_.moves;
      placement_.moved_bytes += std::min<std::uint64_t>(old, operation.size);
      release(block);
    }
    block = fresh;
  }
  std::uint64_t pages_for(std::uint64_t size) const {
    return (size + settings_.header + kPage - 1) / kPage * kPage;
  }

  void look(std::uint64_t live, std::uint64_t live_blocks, std::uint64_t heap, std::uint64_t free) {
    if (live != 0) {
      sum_ += over(heap, live);
      ++looks_;
    }
    if (heap > placement_.peak_heap) {
      placement_.peak_heap = heap;
      live_at_most_heap_ = live;
    }
    if (live <= most_live_) return;
    most_live_ = live;
    placement_.heap_at_peak = heap;
    placement_.free_bytes = free;
    placement_.header_bytes = live_blocks * settings_.header;
    placement_.padding_bytes = heap - free - live - placement_.header_bytes;
  }

  // Over all blocks, from the lowest.
  void measure_end() {
    const std::uint64_t end = region_.end();
    for (std::uint64_t at = region_.begin(); at < end;) {
      const detail::policy_block block = region_.find(at);
      const std::uint64_t start = block.address == 0 ? at : block.address - settings_.header;
      const std::uint64_t next = block.address == 0 ? at + settings_.alignment : block.address + block.bytes;
      if (block.address != 0 && !block.live) {
        const std::uint64_t first = (start + kPage - 1) / kPage * kPage;
        const std::uint64_t last = next / kPage * kPage;
        if (last > first) placement_.end_pages += last - first;
        top_ += next - start;
        FreePieces& tenth = placement_.end_tenths[(start - region_.begin()) * 10 / (end - region_.begin())];
        ++tenth.count;
        tenth.bytes += next - start;
      } else {
        top_ = 0;
      }
      at = next;
    }
    placement_.end_top = top_;
  }

  // Operations whose figures are kept until they are looked at, which the time does not count: few enough for the first cache.
  static constexpr std::size_t kStretch = 1024;
  static constexpr std::size_t kFar = 32;  // operations ahead
  static constexpr std::size_t kNear = 20;
  static constexpr std::size_t kNext = 8;
  // Marks a number in blocks_ as the bytes of a mapping of its own.
  static constexpr std::uint64_t kApart = std::uint64_t{1} << 63;

  detail::policy_settings settings_;
  std::uint64_t big_;
  PlacementWatcher* watcher_;
  std::uint64_t apart_bytes_ = 0;
  std::uint64_t apart_made_ = 0;
  std::uint64_t apart_gone_ = 0;
  detail::policy_region<Policy> region_;
  Placement placement_;
  detail::growing_table<std::uint64_t> blocks_;  // address by number, 0: none
  std::vector<std::uint64_t> asked_;             // bytes by number, kept for the watcher alone
  std::array<std::uint64_t, kStretch> heap_;     // after each operation of a stretch
  std::array<std::uint64_t, kStretch> free_;
  double sum_ = 0;
  std::uint64_t looks_ = 0;
  std::uint64_t most_live_ = 0;
  std::uint64_t live_at_most_heap_ = 0;
  std::uint64_t top_ = 0;
};

}  // namespace

std::unique_ptr<Simulation> simulate(detail::policy_kind kind, const ReplaySettings& settings,
                                     PlacementWatcher* watcher) {
  ReplaySettings own = settings;
  // TLSF keeps two links in each free block.
  if (kind == detail::policy_kind::tlsf) own.policy.minimum = std::max<std::size_t>(own.policy.minimum, 32);
  return detail::with_policy(kind, [&](auto* policy) -> std::unique_ptr<Simulation> {
    using Policy = std::remove_pointer_t<decltype(policy)>;
    return std::make_unique<PolicySimulation<Policy>>(detail::policy_names[static_cast<unsigned>(kind)], own,
                                                      watcher);
  });
}

Piece DemandCount::count(std::span<const Operation> operations) {
  Live& live = live_[pieces_++ % live_.size()];
  live.bytes.resize(operations.size());
  live.blocks.resize(operations.size());
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    if (operation.block >= sizes_.size()) sizes_.resize(operation.block + std::size_t{1} + sizes_.size() / 2);
    demand_.block_numbers = std::max(demand_.block_numbers, operation.block + 1);
    std::uint64_t& size = sizes_[operation.block];
    demand_.live_bytes -= operation.kind == OperationKind::kAllocate ? 0 : size;
    size = operation.kind == OperationKind::kRelease ? 0 : operation.size;
    demand_.live_bytes += size;
    demand_.live_blocks += operation.kind == OperationKind::kAllocate ? 1 : 0;
    demand_.live_blocks -= operation.kind == OperationKind::kRelease ? 1 : 0;
    demand_.allocations += operation.kind == OperationKind::kAllocate ? 1 : 0;
    demand_.releases += operation.kind == OperationKind::kRelease ? 1 : 0;
    demand_.resizes += operation.kind == OperationKind::kResize ? 1 : 0;
    demand_.largest = std::max(demand_.largest, size);
    demand_.peak_bytes = std::max(demand_.peak_bytes, demand_.live_bytes);
    demand_.peak_blocks = std::max(demand_.peak_blocks, demand_.live_blocks);
    live.bytes[i] = demand_.live_bytes;
    live.blocks[i] = demand_.live_blocks;
  }
  demand_.operations += operations.size();
  return {operations, live.bytes, live.blocks};
}

Replayed replay(OperationSource& source, const std::vector<detail::policy_kind>& kinds,
                const ReplaySettings& settings, const PieceReader& reader) {
  std::vector<std::unique_ptr<Simulation>> simulations;
  for (const detail::policy_kind kind : kinds) simulations.push_back(simulate(kind, settings));
  DemandCount count;
  std::array<std::vector<Operation>, 2> operations;
  // Of the piece that the policies are given, and of the one that is read meanwhile.
  std::array<Piece, 2> pieces;
  const auto began = std::chrono::steady_clock::now();
  double reading = 0;
  const auto read = [&](std::size_t into) {
    const double before = cpu_seconds();
    source.next(operations[into]);
    if (reader && !operations[into].empty()) reader(operations[into], source.origins());
    pieces[into] = count.count(operations[into]);
    reading += cpu_seconds() - before;
  };
  // Behind all that its parts use: whatever is thrown, they end first.
  Crew crew(kinds.empty() ? 0 : Crew::usual_helpers());
  read(0);
  for (std::size_t now = 0; !operations[now].empty(); now = 1 - now) {
    crew.begin(simulations.size(), [&, now](std::size_t which) { simulations[which]->apply(pieces[now]); });
    read(1 - now);
    crew.finish();
  }
  Replayed replayed;
  replayed.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  replayed.reading_seconds = reading;
  replayed.demand = count.demand();
  replayed.skipped = source.skipped();
  for (const auto& simulation : simulations) replayed.placements.push_back(simulation->finish());
  return replayed;
}

std::size_t recommended(const std::vector<Placement>& placements) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < placements.size(); ++i) {
    const Placement& one = placements[i];
    const Placement& other = placements[best];
    const bool near = one.peak_heap <= other.peak_heap + other.peak_heap / 100;
    const bool clear = one.peak_heap + one.peak_heap / 100 < other.peak_heap;
    if (clear || (near && one.cpu_seconds < other.cpu_seconds)) best = i;
  }
  return best;
}

}  // namespace loam::tool
