#include "tool/model/simulation.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <unordered_map>

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
    const double before = cpu_seconds();
    if (!blocks_.reserve(huge_table, piece.block_numbers)) throw std::bad_alloc();
    piece_ = piece;
    place_until(0, piece.peak_end);
    if (piece.peak_end != 0) look_at_peak();
    place_until(piece.peak_end, piece.operations.size());
    if (!piece.operations.empty()) add_to_average(piece.inverse_sums.back());
    added_ = 0;
    with_live_ += piece.with_live;
    placement_.cpu_seconds += cpu_seconds() - before;
  }

  Placement finish() override {
    placement_.counters = region_.counters();
    placement_.counters.grows += apart_made_;
    placement_.counters.shrinks += apart_gone_;
    placement_.table_bytes = region_.table_bytes();
    placement_.average = with_live_ == 0 ? 0 : sum_ / static_cast<double>(with_live_) - 1;
    placement_.at_most_live = over(placement_.heap_at_peak, most_live_);
    placement_.at_most_heap = over(placement_.peak_heap, live_at_most_heap_);
    placement_.of_peaks = over(placement_.peak_heap, most_live_);
    placement_.end_heap = region_.end() - region_.begin() + apart_bytes_;
    placement_.end_free = region_.free_bytes();
    measure_end();
    return placement_;
  }

 private:
  void place_until(std::size_t from, std::size_t to) {
    if (watcher_ != nullptr) return place_each<false, true>(from, to);
    const std::size_t all = piece_.operations.size();
    const std::size_t seen = std::clamp(all > kFar ? all - kFar : 0, from, to);
    place_each<true, false>(from, seen);
    place_each<false, false>(seen, to);
  }
  template <bool Ahead, bool Watched>
  void place_each(std::size_t from, std::size_t to) {
    const Operation* operations = piece_.operations.data();
    for (std::size_t i = from; i < to; ++i) {
      if constexpr (Ahead) look_ahead(operations + i);
      if constexpr (Watched)
        place_watched(operations[i]);
      else
        place(operations[i]);
      if (region_.end_place() != end_) [[unlikely]]
        look_at_heap(i);
    }
  }
  // A million blocks are more than a cache holds: what the next operations will look at is asked for while others are dealt with.
  void look_ahead(const Operation* now) {
    __builtin_prefetch(&blocks_[now[kFar].block], 1);
    const Operation& near = now[kNear];
    if (near.kind == OperationKind::kRelease) region_.prefetch(start_of(near));
    const Operation& next = now[kNext];
    if (next.kind == OperationKind::kAllocate) return region_.prefetch_allocation(next.size);
    if (next.kind == OperationKind::kRelease) region_.prefetch_more(start_of(next));
  }
  // Of no block, or one apart: beyond every region.
  std::uint64_t start_of(const Operation& operation) const {
    return blocks_[operation.block] - std::uint64_t{1};
  }
  // Inlined by order: GCC thinks it too large, and a call and what it saves are a tenth of an operation.
  [[gnu::always_inline]] void place(const Operation& operation) {
    std::uint32_t& block = blocks_[operation.block];
    if (operation.kind == OperationKind::kAllocate) {
      block = allocate(operation);
    } else if (operation.kind == OperationKind::kRelease) {
      release(block, operation.block);
      block = kNoBlock;
    } else {
      resize(block, operation);
    }
  }
  [[gnu::always_inline]] std::uint32_t allocate(const Operation& operation) {
    if (operation.log_alignment != 0 || operation.size >= big_) [[unlikely]]
      return allocate_other(operation);
    return known(region_.place(operation.size));
  }
  [[gnu::noinline]] std::uint32_t allocate_other(const Operation& operation) {
    if (operation.size < big_)
      return known(region_.place(operation.size, std::size_t{1} << operation.log_alignment));
    change_apart(operation.block, pages_for(operation.size));
    ++apart_made_;
    return kApart;
  }
  // policy_none becomes kNoBlock.
  std::uint32_t known(std::uint64_t start) {
    placement_.refused += start == detail::policy_none ? 1 : 0;
    return static_cast<std::uint32_t>(start + 1);
  }
  [[gnu::always_inline]] void release(std::uint32_t block, std::uint32_t number) {
    if (block - 1 < kApart - 1) [[likely]]
      return region_.release_place(block - 1);
    if (block == kApart) release_apart(number);
  }
  [[gnu::noinline]] void release_apart(std::uint32_t number) {
    change_apart(number, 0);
    ++apart_gone_;
  }
  void change_apart(std::uint32_t number, std::uint64_t bytes) {
    std::uint64_t& now = apart_[number];
    apart_bytes_ += bytes - now;
    now = bytes;
    if (bytes == 0) apart_.erase(number);
    end_ = detail::policy_none;
  }
  [[gnu::noinline]] void resize(std::uint32_t& block, const Operation& operation) {
    if (block == kApart) {
      if (operation.size < big_) return move(block, operation);
      // The kernel moves mappings without a copy.
      change_apart(operation.block, pages_for(operation.size));
    } else if (block == kNoBlock || operation.size >= big_ ||
               !region_.resize_place(block - 1, operation.size)) {
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
    return blocks_[number] != kNoBlock && blocks_[number] != kApart;
  }
  PlacedBlock placed(std::uint32_t number) {
    const std::uint32_t start = blocks_[number] - 1;
    return {region_.offset_of(start), region_.size_of_place(start) + settings_.header, asked_[number]};
  }
  void move(std::uint32_t& block, const Operation& operation) {
    const std::uint32_t old = block;
    const std::uint64_t bytes = old == kApart     ? apart_[operation.block]
                                : old == kNoBlock ? 0
                                                  : region_.size_of_place(old - 1);
    if (old == kApart) release(old, operation.block);
    block = allocate(operation);
    if (old == kNoBlock) return;
    ++placement_.moves;
    placement_.moved_bytes += std::min<std::uint64_t>(bytes, operation.size);
    if (old != kApart) release(old, operation.block);
  }
  std::uint64_t pages_for(std::uint64_t size) const {
    return (size + settings_.header + kPage - 1) / kPage * kPage;
  }

  std::uint64_t heap() const { return region_.end() - region_.begin() + apart_bytes_; }
  // Operation `at` has changed the heap.
  [[gnu::noinline]] void look_at_heap(std::size_t at) {
    if (at > 0) add_to_average(piece_.inverse_sums[at - 1]);
    end_ = region_.end_place();
    heap_ = heap();
    placement_.peak_region = std::max(placement_.peak_region, heap_ - apart_bytes_);
    if (heap_ <= placement_.peak_heap) return;
    placement_.peak_heap = heap_;
    live_at_most_heap_ = piece_.live_bytes[at];
  }
  // What the heap was until the operation after which the sum is this.
  void add_to_average(double inverse_sum) {
    sum_ += static_cast<double>(heap_) * (inverse_sum - added_);
    added_ = inverse_sum;
  }
  void look_at_peak() {
    most_live_ = piece_.live_bytes[piece_.peak_end - 1];
    placement_.heap_at_peak = heap_;
    placement_.free_bytes = region_.free_bytes();
    placement_.header_bytes = piece_.peak_blocks * settings_.header;
    placement_.padding_bytes = heap_ - placement_.free_bytes - most_live_ - placement_.header_bytes;
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

  static constexpr std::size_t kFar = 32;  // operations ahead
  static constexpr std::size_t kNear = 20;
  static constexpr std::size_t kNext = 8;
  // In blocks_; else where the block starts, and one. No region is so large.
  static constexpr std::uint32_t kNoBlock = 0;
  static constexpr std::uint32_t kApart = 0xffff'ffff;

  detail::policy_settings settings_;
  std::uint64_t big_;
  PlacementWatcher* watcher_;
  detail::policy_region<Policy> region_;
  Placement placement_;
  detail::growing_table<std::uint32_t> blocks_;  // by number
  std::unordered_map<std::uint32_t, std::uint64_t>
      apart_;  // bytes of blocks with mappings of their own, by number
  std::uint64_t apart_bytes_ = 0;
  std::uint64_t apart_made_ = 0;
  std::uint64_t apart_gone_ = 0;
  std::vector<std::uint64_t> asked_;  // bytes by number, kept for the watcher alone
  Piece piece_;
  std::uint64_t end_ = 0;   // of the region when the heap was looked at last; policy_none: it must be anew
  std::uint64_t heap_ = 0;  // then
  double sum_ = 0;          // of heap / live after each operation
  double added_ = 0;        // of the piece's inverse sums, to it
  std::uint64_t with_live_ = 0;
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
