// Words of 64 slices each, one bit a slice, set while the slice is free: the only lock-free part of the region store.
// Invariant: whoever cleared a bit owns the slice until setting it again; nobody clears a bit that is not set.
// Locking: none; every function is one exchange on a word, tried again while others change it. `Word` is an atomic of 64
// bits, a parameter so that the scheduler test can interleave every single access.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/bits.hpp"

namespace loam::heap {

constexpr unsigned kSlicesPerWord = 64;

// The part of a run of slices that lies in one word.
struct WordPart {
  uint64_t word;
  uint64_t mask;
  uint64_t slices;
};

constexpr WordPart part_at(uint64_t slice, uint64_t left) {
  const unsigned at = slice % kSlicesPerWord;
  const uint64_t room = kSlicesPerWord - at;
  const uint64_t count = left < room ? left : room;
  return {slice / kSlicesPerWord, base::low_bits(static_cast<unsigned>(count)) << at, count};
}

// Takes the lowest run of `count` free slices of the word. Returns its mask, 0 if there is none.
template <class Word>
uint64_t take_run(Word& word, unsigned count) {
  uint64_t seen = word.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t starts = base::run_starts(seen, count);
    if (starts == 0) return 0;
    const uint64_t mask = base::low_bits(count) << base::lowest_bit(starts);
    // Acquire pairs with the release in give: the zero bits and the page map of the last user are settled.
    if (word.compare_exchange_weak(seen, seen & ~mask, std::memory_order_acquire, std::memory_order_relaxed))
      return mask;
  }
}

// Takes exactly these slices, all or none.
template <class Word>
bool take_exactly(Word& word, uint64_t mask) {
  uint64_t seen = word.load(std::memory_order_relaxed);
  do {
    if ((seen & mask) != mask) return false;
  } while (
      !word.compare_exchange_weak(seen, seen & ~mask, std::memory_order_acquire, std::memory_order_relaxed));
  return true;
}

// Takes those free slices that are not in `zero`, so that nobody gets them while they are purged. Returns their mask.
template <class Word>
uint64_t take_dirty(Word& word, const Word& zero) {
  uint64_t seen = word.load(std::memory_order_relaxed);
  uint64_t mask;
  do {
    mask = seen & ~zero.load(std::memory_order_relaxed);
    if (mask == 0) return 0;
  } while (
      !word.compare_exchange_weak(seen, seen & ~mask, std::memory_order_acquire, std::memory_order_relaxed));
  return mask;
}

// Requires: the caller owns the slices.
template <class Word>
void give(Word& word, uint64_t mask) {
  word.fetch_or(mask, std::memory_order_release);
}

// Takes a run of slices over word borders, all or none. `word_of(i)` is the i-th word.
template <class WordOf>
bool take_over_words(WordOf word_of, uint64_t slice, uint64_t slices) {
  for (uint64_t done = 0; done < slices;) {
    const WordPart part = part_at(slice + done, slices - done);
    if (take_exactly(word_of(part.word), part.mask)) {
      done += part.slices;
      continue;
    }
    for (uint64_t undone = 0; undone < done;) {
      const WordPart back = part_at(slice + undone, done - undone);
      give(word_of(back.word), back.mask);
      undone += back.slices;
    }
    return false;
  }
  return true;
}

}  // namespace loam::heap
