// How regions give physical pages back: on free above a cap, by and by with time, and on request.
#include "base/bits.hpp"
#include "heap/regions.hpp"
#include "heap/span.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {

namespace {
// Free dirty memory that free() itself cuts back, and how far, so that a cut pays for its search.
constexpr uint64_t kDirtyCap = uint64_t{72} << 20;
constexpr uint64_t kCutBelowCap = uint64_t{2} << 20;
constexpr uint64_t kRetryStep = uint64_t{8} << 20;
// A heap that touches again what a cut took may keep that much more, up to this.
constexpr uint64_t kMostMore = uint64_t{48} << 20;
constexpr uint64_t kDecaySteps = 4;  // parts of the decay time after which half of the unneeded goes
// What the heap may hold above the most it ever needed at once, when blocks do not fit into what others left free.
constexpr uint64_t kSpreadPart = 4;
constexpr uint64_t kLeastSpread = (uint64_t{16} << 20) / meta::kSlice;
}  // namespace

void Regions::forget_dirty(uint64_t slices) {
  // In this order, so that what others take for live is never too much.
  touched_.fetch_sub(slices, std::memory_order_relaxed);
  dirty_.fetch_sub(slices, std::memory_order_relaxed);
}

void Regions::advise(uint64_t region) {
  char* start = page_map.address_of(region * kSlicesPerRegion);
  table_[region].advised = advise_ && reinterpret_cast<uint64_t>(start) % kRegion == 0 &&
                           huge_pages_.advise(start, mapped_bytes());
  if (table_[region].advised) advised_regions_.fetch_add(1, std::memory_order_relaxed);
}

// Purges the dirty free slices of a word, having taken them so that nobody gets them meanwhile.
uint64_t Regions::purge_word(uint64_t word) {
  const uint64_t mask = take_dirty(free_word(word), zero_word(word));
  if (mask == 0) return 0;
  uint64_t purged = 0;
  for (uint64_t rest = mask; rest != 0;) {
    const unsigned at = base::lowest_bit(rest);
    const unsigned length = base::lowest_bit(~(rest >> at));
    const uint64_t part = base::low_bits(length) << at;
    if (sys::purge(page_map.address_of(word * kSlicesPerWord + at), length * meta::kSlice)) {
      zero_word(word).fetch_or(part, std::memory_order_relaxed);
      forget_dirty(length);
      purged += length * meta::kSlice;
    }
    rest &= ~part;
  }
  give(free_word(word), mask);
  return purged;
}

// A region on huge pages is purged whole or not at all, unless `split` is asked for: a small hole costs the kernel the
// splitting of the page now and slower access ever after.
uint64_t Regions::purge_region(uint64_t region, bool split) {
  Region& r = table_[region];
  const bool whole = r.free[0].load(std::memory_order_relaxed) == ~uint64_t{0} &&
                     r.free[1].load(std::memory_order_relaxed) == ~uint64_t{0};
  if (r.advised && !whole && !split) return 0;
  if (whole && take_words(region * kSlicesPerRegion, kSlicesPerRegion)) {
    const uint64_t dirty = uint64_t{base::count_bits(~r.zero[0].load(std::memory_order_relaxed))} +
                           uint64_t{base::count_bits(~r.zero[1].load(std::memory_order_relaxed))};
    const bool purged = dirty > 0 && sys::purge(page_map.address_of(region * kSlicesPerRegion), kRegion);
    for (unsigned i = 0; i < 2; ++i) {
      if (purged) r.zero[i].store(~uint64_t{0}, std::memory_order_relaxed);
      give(r.free[i], ~uint64_t{0});
    }
    if (!purged) return 0;
    forget_dirty(dirty);
    return dirty * meta::kSlice;
  }
  return purge_word(region * 2) + purge_word(region * 2 + 1);
}

uint64_t Regions::purge_locked(uint64_t keep, bool split) {
  uint64_t purged = 0;
  const uint64_t count = regions_.load(std::memory_order_relaxed);
  // Whole regions before parts, the highest first: the lowest are where the next spans go.
  for (const bool parts : {false, true}) {
    for (uint64_t region = count; purge_ && region-- > 0 && dirty_bytes() > keep;) {
      const Region& r = table_[region];
      const uint64_t all =
          r.free[0].load(std::memory_order_relaxed) & r.free[1].load(std::memory_order_relaxed);
      if (parts || all == ~uint64_t{0}) purged += purge_region(region, split);
    }
  }
  shrink();
  // What cannot be purged now (parts of huge pages) must not be searched for again at each free.
  const uint64_t left = dirty_bytes();
  const uint64_t retry = left > keep ? left + kRetryStep : 0;
  const uint64_t cap = kDirtyCap + more_;
  purge_above_.store(retry > cap ? retry : cap, std::memory_order_relaxed);
  return purged;
}

uint64_t Regions::purge(uint64_t keep, bool split) {
  if (growth_.held_by_me()) return 0;
  sys::LockGuard guard(growth_);
  return purge_locked(keep, split);
}

void Regions::purge_excess() {
  const uint64_t above = purge_above_.load(std::memory_order_relaxed);
  if (dirty_bytes() <= (above == 0 ? kDirtyCap : above) || growth_.held_by_me()) return;
  sys::LockGuard guard(growth_);
  const uint64_t touched = touched_.load(std::memory_order_relaxed) * meta::kSlice;
  const uint64_t again = touched > touched_after_cut_ ? touched - touched_after_cut_ : 0;
  more_ += again < last_cut_ ? again : last_cut_;
  if (more_ > kMostMore) more_ = kMostMore;
  last_cut_ = purge_locked(kDirtyCap + more_ - kCutBelowCap, false);
  touched_after_cut_ = touched_.load(std::memory_order_relaxed) * meta::kSlice;
}

// `coming` slices are about to be claimed from new regions.
void Regions::purge_spread(uint64_t coming) {
  const uint64_t touched = touched_.load(std::memory_order_relaxed);
  const uint64_t dirty = dirty_.load(std::memory_order_relaxed);
  const uint64_t live = dirty < touched ? touched - dirty : 0;
  uint64_t peak = peak_live_.load(std::memory_order_relaxed);
  while (peak < live && !peak_live_.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
  if (peak < live + coming) peak = live + coming;
  const uint64_t spread = peak / kSpreadPart > kLeastSpread ? peak / kSpreadPart : kLeastSpread;
  if (!purge_ || touched + coming <= peak + spread) return;
  purge((peak + spread - live - coming) * meta::kSlice, false);
}

void Regions::decay(uint64_t now_ns) {
  uint64_t due = next_decay_ns_.load(std::memory_order_relaxed);
  if (now_ns < due || dirty_.load(std::memory_order_relaxed) == 0) return;
  if (!next_decay_ns_.compare_exchange_strong(due, now_ns + decay_ns_ / kDecaySteps,
                                              std::memory_order_relaxed))
    return;
  const uint64_t dirty = dirty_.load(std::memory_order_relaxed);
  const uint64_t low = dirty_low_.exchange(dirty, std::memory_order_relaxed);
  const uint64_t unneeded = low < dirty ? low : dirty;
  if (due == 0 || unneeded == 0) return;
  // The last bit goes at once: halves of a little would keep coming back for ever.
  const uint64_t give = unneeded <= kSlicesPerRegion ? unneeded : unneeded / 2;
  if (!growth_.try_lock()) return;
  more_ /= 2;
  last_cut_ = 0;
  purge_locked((dirty - give) * meta::kSlice, false);
  growth_.unlock();
}

}  // namespace loam::heap
