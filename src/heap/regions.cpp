#include "heap/regions.hpp"

#include "base/bits.hpp"
#include "heap/span.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {

constinit Regions regions;

namespace {

using base::low_bits;

// Address space for the tables is one 2,000th of the window, so the window may be several times what the machine has.
constexpr uint64_t kWindowPerMemory = 8;
constexpr uint64_t kLeastWindow = uint64_t{64} << 30;
constexpr uint64_t kMostGrowth = uint64_t{64} << 20;
// Each region that may be a huge page is touched when it comes, so it is resident before it is needed, and nobody counts it; the
// fault takes so long that a call to the kernel for each few of them does not matter.
constexpr uint64_t kMostTouched = uint64_t{8} << 20;
constexpr uint64_t kCommitStep = uint64_t{64} << 10;

constexpr uint64_t kWordsPerRegion = kSlicesPerRegion / kSlicesPerWord;

}  // namespace

bool Regions::open(sys::SourceKind source, const char* path, bool advise) {
  advise_ = advise && source != sys::SourceKind::kFile;
  purge_ = advise;
  if (!source_.open(source, path)) return false;
  uint64_t window = sys::physical_memory() * kWindowPerMemory;
  if (window < kLeastWindow) window = kLeastWindow;
  const uint64_t limit = sys::address_space_limit();
  if (limit < window / 2) window = limit * 2;
  max_regions_ = window / kRegion;
  table_ = static_cast<Region*>(sys::map(base::align_up(max_regions_ * sizeof(Region), kCommitStep), true));
  if (table_ == nullptr) return false;
  return page_map.open(source_.window_start(kRegion), max_regions_ * kSlicesPerRegion, &none_span);
}

uint64_t Regions::window_slices() const {
  return regions_.load(std::memory_order_acquire) * kSlicesPerRegion;
}

uint64_t Regions::metadata_bytes() const { return page_map.committed() + committed_; }

// Returns whether all slices of the mask were zero, and forgets that they are.
bool Regions::take_zero(uint64_t word, uint64_t mask) {
  const uint64_t before = zero_word(word).fetch_and(~mask, std::memory_order_relaxed);
  const uint64_t dirty = mask & ~before;
  if (dirty != mask) touched_.fetch_add(base::count_bits(mask & before), std::memory_order_relaxed);
  if (dirty == 0) return true;
  const uint64_t count = base::count_bits(dirty);
  const uint64_t left = dirty_.fetch_sub(count, std::memory_order_relaxed) - count;
  uint64_t low = dirty_low_.load(std::memory_order_relaxed);
  while (left < low && !dirty_low_.compare_exchange_weak(low, left, std::memory_order_relaxed)) {
  }
  return false;
}

Run Regions::claim_from(uint64_t slices, uint64_t first_word, uint64_t words) {
  const auto count = static_cast<unsigned>(slices);
  for (uint64_t i = first_word; i < words; ++i) {
    const uint64_t mask = take_run(free_word(i), count);
    if (mask != 0) return {i * kSlicesPerWord + base::lowest_bit(mask), true, take_zero(i, mask)};
  }
  return {0, false, false};
}

Run Regions::claim_in_word(uint64_t slices) {
  std::atomic<uint64_t>& hint = hint_[base::highest_bit(slices)];
  const uint64_t words = window_slices() / kSlicesPerWord;
  uint64_t start = hint.load(std::memory_order_relaxed);
  Run run = claim_from(slices, start, words);
  if (base::is_power_of_two(slices)) {  // only then the search says something of every run of the bucket
    const uint64_t reached = run.found ? run.slice / kSlicesPerWord : words;
    if (reached > start) hint.compare_exchange_strong(start, reached, std::memory_order_relaxed);
  }
  // A release between our search and the raising of the hint may have been missed: look everywhere before growing.
  if (!run.found && start > 0) run = claim_from(slices, 0, start);
  return run;
}

Run Regions::find_run(uint64_t slices) {
  for (;;) {
    const bool short_run = slices <= kSlicesPerWord;
    if (short_run) {
      const Run run = claim_in_word(slices);
      if (run.found) return run;
    }
    if (growth_.held_by_me())
      return {0, false, false};  // a signal handler interrupted whoever grows or purges
    if (!short_run) {
      const Run run = claim_long(slices);
      if (run.found) return run;
    }
    // Before, because growth touches huge pages to measure them.
    purge_spread(slices);
    if (!grow(slices)) return {0, false, false};
  }
}

Run Regions::claim(uint64_t slices) {
  const Run run = find_run(slices);
  purge_spread(0);
  return run;
}

// Takes the slices, all or none.
bool Regions::take_words(uint64_t slice, uint64_t slices) {
  return take_over_words([this](uint64_t word) -> Word& { return free_word(word); }, slice, slices);
}

// First fit over whole words: a run of more than 64 slices starts where a word starts.
Run Regions::claim_long(uint64_t slices) {
  sys::LockGuard guard(growth_);
  const uint64_t words = window_slices() / kSlicesPerWord;
  const uint64_t whole = slices / kSlicesPerWord;
  const uint64_t tail = low_bits(static_cast<unsigned>(slices % kSlicesPerWord));
  for (uint64_t first = 0; first + whole + (tail != 0 ? 1 : 0) <= words;) {
    uint64_t run = 0;
    while (run < whole && free_word(first + run).load(std::memory_order_relaxed) == ~uint64_t{0}) ++run;
    const bool fits =
        run == whole &&
        (tail == 0 || (free_word(first + whole).load(std::memory_order_relaxed) & tail) == tail);
    if (!fits || !take_words(first * kSlicesPerWord, slices)) {
      first += run + 1;
      continue;
    }
    bool zero = tail == 0 || take_zero(first + whole, tail);
    for (uint64_t i = 0; i < whole; ++i) zero = take_zero(first + i, ~uint64_t{0}) && zero;
    return {first * kSlicesPerWord, true, zero};
  }
  return {0, false, false};
}

bool Regions::extend(uint64_t slice, uint64_t slices) {
  if (slice + slices > window_slices() || !take_words(slice, slices)) return false;
  for (uint64_t done = 0; done < slices;) {
    const WordPart part = part_at(slice + done, slices - done);
    take_zero(part.word, part.mask);
    done += part.slices;
  }
  return true;
}

void Regions::lower_hints(uint64_t word) {
  for (std::atomic<uint64_t>& hint : hint_) {
    uint64_t seen = hint.load(std::memory_order_relaxed);
    while (word < seen && !hint.compare_exchange_weak(seen, word, std::memory_order_relaxed)) {
    }
  }
}

void Regions::release(uint64_t slice, uint64_t slices, bool zero) {
  if (zero)
    touched_.fetch_sub(slices, std::memory_order_relaxed);
  else
    dirty_.fetch_add(slices, std::memory_order_relaxed);
  for (uint64_t done = 0; done < slices;) {
    const WordPart part = part_at(slice + done, slices - done);
    if (zero) zero_word(part.word).fetch_or(part.mask, std::memory_order_relaxed);
    give(free_word(part.word), part.mask);
    done += part.slices;
  }
  lower_hints(slice / kSlicesPerWord);
}

bool Regions::commit(uint64_t region_count) {
  const uint64_t bytes = base::align_up(region_count * sizeof(Region), kCommitStep);
  if (bytes <= committed_) return true;
  if (!sys::make_writable(reinterpret_cast<char*>(table_) + committed_, bytes - committed_)) return false;
  committed_ = bytes;
  return true;
}

uint64_t Regions::growth_regions() const {
  const uint64_t mapped = mapped_bytes();
  uint64_t wanted = mapped / 16;
  if (wanted > kMostGrowth) wanted = kMostGrowth;
  if (wanted > kMostTouched && advise_ && huge_pages_.may_touch(mapped + wanted)) wanted = kMostTouched;
  return wanted / kRegion;
}

bool Regions::grow(uint64_t slices) {
  sys::LockGuard guard(growth_);
  const uint64_t have = regions_.load(std::memory_order_relaxed);
  const uint64_t least = base::divide_up(slices, kSlicesPerRegion);
  if (least > max_regions_) return false;
  uint64_t wanted = growth_regions();
  if (wanted < least) wanted = least;
  char* end = page_map.address_of(have * kSlicesPerRegion);
  char* limit = page_map.address_of(max_regions_ * kSlicesPerRegion);
  // The tables first: what is mapped must never lack an entry.
  if (have + wanted > max_regions_ || !commit(have + wanted)) return false;
  char* start = source_.extend(end, wanted * kRegion, kRegion, limit);
  if (start == nullptr && wanted > least) {
    wanted = least;
    start = source_.extend(end, wanted * kRegion, kRegion, limit);
  }
  if (start == nullptr) return false;
  const uint64_t first = page_map.slice_of(start) / kSlicesPerRegion;
  if (!commit(first + wanted) || !page_map.extend((first + wanted) * kSlicesPerRegion)) {
    // Unusable without tables: back to the kernel (a break cannot go back from here if somebody moved it meanwhile).
    if (source_.kind() == sys::SourceKind::kBreak)
      source_.shrink(start + wanted * kRegion, start);
    else
      sys::unmap(start, wanted * kRegion);
    return false;
  }
  add_regions(first, wanted);
  return true;
}

void Regions::add_regions(uint64_t from_region, uint64_t count) {
  for (uint64_t region = from_region; region < from_region + count; ++region) {
    advise(region);
    table_[region].mapped.store(true, std::memory_order_relaxed);
    mapped_regions_.fetch_add(1, std::memory_order_relaxed);
    for (uint64_t word = region * kWordsPerRegion; word < (region + 1) * kWordsPerRegion; ++word) {
      zero_word(word).store(~uint64_t{0}, std::memory_order_relaxed);
      free_word(word).store(~uint64_t{0}, std::memory_order_release);
    }
  }
  regions_.store(from_region + count, std::memory_order_release);
  lower_hints(from_region * kWordsPerRegion);
}

void Regions::shrink() {
  if (source_.kind() != sys::SourceKind::kBreak) return;
  uint64_t have = regions_.load(std::memory_order_relaxed);
  const uint64_t before = have;
  while (have > 1 && take_words((have - 1) * kSlicesPerRegion, kSlicesPerRegion)) --have;
  if (have == before) return;
  char* end = page_map.address_of(before * kSlicesPerRegion);
  const bool moved = source_.shrink(end, page_map.address_of(have * kSlicesPerRegion));
  for (uint64_t word = have * kWordsPerRegion; word < before * kWordsPerRegion; ++word) {
    if (moved) {
      take_zero(word, ~uint64_t{0});
      touched_.fetch_sub(kSlicesPerWord, std::memory_order_relaxed);
    } else {
      give(free_word(word), ~uint64_t{0});
    }
  }
  if (!moved) return;
  for (uint64_t region = have; region < before; ++region)
    table_[region].mapped.store(false, std::memory_order_relaxed);
  mapped_regions_.fetch_sub(before - have, std::memory_order_relaxed);
  // The page map keeps its entries: they all say `none`, and growth sets them again.
  regions_.store(have, std::memory_order_release);
}

}  // namespace loam::heap
