// The store of slices: regions of 2 MiB in one window of addresses that grows upwards. Spans of all purposes take the
// lowest free run that fits, so that live memory packs into the lowest regions and the rest can be given back.
//
// Invariants: a slice is free (bit in `free`), or belongs to exactly one span. A free slice is zero (bit in `zero`:
// never touched, or purged) or dirty. Holes in the window (other people's addresses) are never free.
// Locking: runs of up to 64 slices (1 MiB) are claimed and released without a lock, by compare-and-swap on one word;
// growth, longer runs and purging hold `growth_`.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "heap/slice_words.hpp"
#include "meta/page_map.hpp"
#include "sys/huge_pages.hpp"
#include "sys/lock.hpp"
#include "sys/source.hpp"

namespace loam::heap {

constexpr size_t kRegion = size_t{2} << 20;
constexpr unsigned kSlicesPerRegion = kRegion / meta::kSlice;

struct Run {
  uint64_t slice;
  bool found;
  bool zero;  // every byte is zero
};

class Regions {
 public:
  // Requires: called once, by one thread. Without `advise` the kernel is asked for memory and given it back by the source
  // alone, never advised of pages. Returns false when the kernel gives no room at all.
  bool open(sys::SourceKind source, const char* path, bool advise);

  // Takes `slices` contiguous ones; for more than 64 the start is a multiple of 64. Thread-safe.
  Run claim(uint64_t slices);
  // Takes exactly these, if all are free. Lock-free.
  bool extend(uint64_t slice, uint64_t slices);
  // Gives back. Requires: claimed, all entries of the page map reset. `zero`: untouched or purged.
  void release(uint64_t slice, uint64_t slices, bool zero);

  // Gives physical pages of free slices back to the kernel until at most `keep` bytes are dirty; `split` also breaks
  // huge pages for it. Returns bytes purged.
  uint64_t purge(uint64_t keep, bool split);
  // Called after a release of many slices: gives back what exceeds the cap.
  void purge_excess();
  // Called now and then with a clock: gives back what has been dirty for a while.
  void decay(uint64_t now_ns);

  uint64_t dirty_bytes() const { return dirty_.load(std::memory_order_relaxed) * meta::kSlice; }
  // Of slices that are claimed or dirty: what the heap may have in memory.
  uint64_t touched_bytes() const { return touched_.load(std::memory_order_relaxed) * meta::kSlice; }
  uint64_t window_slices() const;
  uint64_t mapped_bytes() const { return mapped_regions_.load(std::memory_order_relaxed) * kRegion; }
  bool slice_is_free(uint64_t slice) const { return bit(free_word(slice / 64), slice); }
  bool slice_is_zero(uint64_t slice) const { return bit(zero_word(slice / 64), slice); }
  uint64_t advised_bytes() const { return advised_regions_.load(std::memory_order_relaxed) * kRegion; }
  bool region_is_advised(uint64_t region) const { return table_[region].advised; }
  // False for a hole, where somebody else's memory may lie. Requires: the region is in the window.
  bool region_is_mapped(uint64_t region) const {
    return table_[region].mapped.load(std::memory_order_relaxed);
  }
  uint64_t metadata_bytes() const;
  const void* table() const { return table_; }
  uint64_t table_bytes() const { return committed_; }
  const sys::Source& source() const { return source_; }
  sys::Lock& lock() { return growth_; }
  void prefer_huge_pages() { huge_pages_.begin_early(); }
  void set_decay_ns(uint64_t delay) { decay_ns_ = delay; }

 private:
  using Word = std::atomic<uint64_t>;
  struct alignas(64) Region {
    Word free[2];
    Word zero[2];
    std::atomic<bool> mapped;
    bool advised;
  };
  static constexpr unsigned kBuckets = 7;  // by the power of two at or below a run's length: 1 to 64 slices

  Word& free_word(uint64_t word) const { return table_[word / 2].free[word % 2]; }
  Word& zero_word(uint64_t word) const { return table_[word / 2].zero[word % 2]; }
  static bool bit(const Word& word, uint64_t slice) {
    return ((word.load(std::memory_order_relaxed) >> (slice % 64)) & 1) != 0;
  }

  Run find_run(uint64_t slices);
  Run claim_in_word(uint64_t slices);
  Run claim_from(uint64_t slices, uint64_t first_word, uint64_t words);
  Run claim_long(uint64_t slices);
  bool take_words(uint64_t slice, uint64_t slices);
  bool take_zero(uint64_t word, uint64_t mask);
  void forget_dirty(uint64_t slices);
  void purge_spread(uint64_t coming);
  void lower_hints(uint64_t word);
  uint64_t growth_regions() const;  // when no more is asked for
  bool grow(uint64_t slices);
  void add_regions(uint64_t from_region, uint64_t count);
  bool commit(uint64_t regions);
  void advise(uint64_t region);
  uint64_t purge_region(uint64_t region, bool split);
  uint64_t purge_word(uint64_t word);
  uint64_t purge_locked(uint64_t keep, bool split);
  void shrink();

  Region* table_ = nullptr;
  uint64_t committed_ = 0;
  uint64_t max_regions_ = 0;
  std::atomic<uint64_t> regions_{0};  // in the window, holes included
  std::atomic<uint64_t> mapped_regions_{0};
  std::atomic<uint64_t> advised_regions_{0};
  std::atomic<uint64_t> dirty_{0};      // slices free and not zero
  std::atomic<uint64_t> touched_{0};    // slices claimed, or free and not zero
  std::atomic<uint64_t> peak_live_{0};  // the most that was claimed at once
  std::atomic<uint64_t> dirty_low_{
      0};  // the least of dirty_ since the last decay: what nobody needed meanwhile
  std::atomic<uint64_t> purge_above_{0};
  // What purge_excess knows of its last cut, in bytes; under the lock.
  uint64_t last_cut_ = 0;
  uint64_t touched_after_cut_ = 0;
  uint64_t more_ = 0;                          // what the heap may keep above the cap
  std::atomic<uint64_t> hint_[kBuckets] = {};  // no word below holds a run of that many
  std::atomic<uint64_t> next_decay_ns_{0};
  uint64_t decay_ns_ = 500'000'000;
  bool advise_ = true;  // huge pages
  bool purge_ = true;   // else free pages go back by lowering the break only
  sys::HugePages huge_pages_;
  sys::Source source_;
  sys::RankedLock<sys::LockRank::kGrowth> growth_;
};

extern constinit Regions regions;

}  // namespace loam::heap
