#include "policy/policy.hpp"

#include <loam/detail/policy_region.hpp>
#include <new>

#include "base/mpsc_list.hpp"
#include "sys/kernel.hpp"

namespace loam::policy {

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kGrowStep = size_t{128} << 10;
constexpr size_t kShrinkAbove = size_t{256} << 10;
// The numbers of units that the tables hold: 64 GiB, of 16 bytes each.
constexpr uint64_t kWindow = (uint64_t{1} << 36) - (uint64_t{1} << 21);
// The heap's own window starts at the same random place; this one lies half of the choices away.
constexpr uint64_t kApart = uint64_t{1} << 44;

struct Waiting {
  Waiting* next;
};

// The region, whatever its policy: these are called under the lock.
struct Calls {
  uint64_t (*allocate)(void* region, size_t size, size_t alignment);
  bool (*release)(void* region, uint64_t address);
  bool (*resize)(void* region, uint64_t address, size_t size);
  detail::policy_block (*find)(const void* region, uint64_t address);
  void (*measure)(const void* region, Figures* figures);
};

struct State {
  const Calls* calls;
  void* region;
  char* start;
  char* limit;
  uint64_t allocations;
  uint64_t releases;
  uint64_t peak_bytes;
  sys::Source source;
  base::MpscList<Waiting> waiting;
  sys::RankedLock<sys::LockRank::kPolicy> lock;
};

constinit State state{};

uint64_t extend(void*, uint64_t end, uint64_t bytes) {
  auto* at = reinterpret_cast<char*>(end);
  return reinterpret_cast<uint64_t>(state.source.extend(at, bytes, kPage, state.limit));
}

bool shrink(void*, uint64_t end, uint64_t from) {
  return state.source.shrink(reinterpret_cast<char*>(end), reinterpret_cast<char*>(from));
}

void* resize_table(void* old, size_t old_bytes, size_t new_bytes) {
  if (new_bytes == 0) {
    sys::unmap(old, old_bytes);
    return nullptr;
  }
  return old == nullptr ? sys::map_unreserved(new_bytes) : sys::remap(old, old_bytes, new_bytes);
}

template <class Region>
constexpr Calls kCalls = {
    [](void* region, size_t size, size_t alignment) {
      return static_cast<Region*>(region)->allocate(size, alignment);
    },
    [](void* region, uint64_t address) { return static_cast<Region*>(region)->release(address); },
    [](void* region, uint64_t address, size_t size) {
      auto& of = *static_cast<Region*>(region);
      return of.is_live(address) && of.resize(address, size);
    },
    [](const void* region, uint64_t address) { return static_cast<const Region*>(region)->find(address); },
    [](const void* region, Figures* figures) {
      const auto& of = *static_cast<const Region*>(region);
      const detail::policy_counters counts = of.counters();
      figures->region_bytes = of.end() - of.begin();
      figures->free_bytes = of.free_bytes();
      figures->free_blocks = counts.free_blocks;
      figures->searches = counts.searches;
      figures->steps = counts.steps;
      figures->splits = counts.splits;
      figures->merges = counts.merges;
      figures->grows = counts.grows;
      figures->shrinks = counts.shrinks;
      figures->table_bytes = of.table_bytes();
    },
};

template <class Region>
bool make_region(const detail::policy_settings& settings, uint64_t start) {
  void* memory = sys::map(sizeof(Region));
  if (memory == nullptr) return false;
  auto* region = new (memory) Region;
  region->open(settings, {nullptr, extend, shrink}, resize_table, start);
  state.calls = &kCalls<Region>;
  state.region = region;
  return true;
}

char* region_start() {
  char* start = state.source.window_start(kPage);
  if (state.source.kind() == sys::SourceKind::kBreak) return start;
  return reinterpret_cast<char*>(reinterpret_cast<uint64_t>(start) ^ kApart);
}

Place place_of(const detail::policy_block& block) {
  return {reinterpret_cast<void*>(block.address), block.bytes, block.live};
}

bool release_one(void* block) {
  if (!state.calls->release(state.region, reinterpret_cast<uint64_t>(block))) return false;
  ++state.releases;
  return true;
}

// Under the lock.
void release_waiting() {
  for (Waiting* at = state.waiting.take_all(); at != nullptr;) {
    Waiting* const next = at->next;
    release_one(at);
    at = next;
  }
}

class Holder {
 public:
  Holder() {
    state.lock.lock();
    if (!state.waiting.empty()) release_waiting();
  }
  ~Holder() { state.lock.unlock(); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
};

}  // namespace

bool open(const Settings& settings) {
  if (!state.source.open(settings.source, settings.source_path)) return false;
  const auto kind = static_cast<detail::policy_kind>(settings.kind);
  detail::policy_settings chosen;
  chosen.header = settings.header;
  chosen.grow_step = kGrowStep;
  chosen.shrink_above = kShrinkAbove;
  if (kind == detail::policy_kind::tlsf) chosen.minimum = 32;
  char* start = region_start();
  state.start = start;
  state.limit = start + kWindow;
  return detail::with_policy(kind, [&](auto* policy) {
    using Policy = std::remove_pointer_t<decltype(policy)>;
    return make_region<detail::policy_region<Policy>>(chosen, reinterpret_cast<uint64_t>(start));
  });
}

Allocated allocate(size_t size, size_t alignment) {
  if (state.lock.held_by_me()) return {Outcome::kBusy, nullptr};
  Holder holder;
  const uint64_t block = state.calls->allocate(state.region, size, alignment);
  if (block == 0) return {Outcome::kNoMemory, nullptr};
  ++state.allocations;
  const uint64_t used = block + size - reinterpret_cast<uint64_t>(state.start);
  if (used > state.peak_bytes) state.peak_bytes = used;
  return {Outcome::kDone, reinterpret_cast<void*>(block)};
}

Place find(const void* address) {
  const auto word = reinterpret_cast<uint64_t>(address);
  // The interrupted holder may be changing other blocks: the bits of this one are not theirs.
  if (state.lock.held_by_me()) return place_of(state.calls->find(state.region, word));
  Holder holder;
  return place_of(state.calls->find(state.region, word));
}

Released release(void* block) {
  if (state.lock.held_by_me()) {
    auto* at = static_cast<char*>(block);
    if (at < state.start || at >= state.limit) return {Outcome::kNoMemory, {nullptr, 0, false}};
    // Only the owner of a block frees it, so that its memory may hold the link.
    state.waiting.push(static_cast<Waiting*>(block));
    return {Outcome::kBusy, {nullptr, 0, false}};
  }
  Holder holder;
  if (release_one(block)) return {Outcome::kDone, {block, 0, true}};
  return {Outcome::kNoMemory, place_of(state.calls->find(state.region, reinterpret_cast<uint64_t>(block)))};
}

Resized resize(void* block, size_t size) {
  if (state.lock.held_by_me()) return Resized::kMustMove;
  Holder holder;
  const bool done = state.calls->resize(state.region, reinterpret_cast<uint64_t>(block), size);
  return done ? Resized::kInPlace : Resized::kMustMove;
}

Figures figures() {
  Figures figures{};
  if (state.region == nullptr || state.lock.held_by_me()) return figures;
  Holder holder;
  state.calls->measure(state.region, &figures);
  figures.peak_bytes = state.peak_bytes;
  figures.allocations = state.allocations;
  figures.releases = state.releases;
  figures.live_blocks = state.allocations - state.releases;
  return figures;
}

sys::Lock& lock() { return state.lock; }

}  // namespace loam::policy
