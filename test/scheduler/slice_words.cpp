#include "heap/slice_words.hpp"

#include <gtest/gtest.h>

#include "scheduler/scheduler.hpp"

namespace loam::scheduler {
namespace {

using Word = Atomic<uint64_t>;

constexpr uint64_t kSlices = 128;

// Words that are changed by a load and a store, which lose what another thread did in between.
struct Losing {
  static uint64_t take_run(Word& word, unsigned count) {
    const uint64_t seen = word.load();
    const uint64_t starts = base::run_starts(seen, count);
    if (starts == 0) return 0;
    const uint64_t mask = base::low_bits(count) << base::lowest_bit(starts);
    word.store(seen & ~mask);
    return mask;
  }
};

struct Real {
  static uint64_t take_run(Word& word, unsigned count) { return heap::take_run(word, count); }
};

// Two words of slices, and who has which.
template <class Words>
class Store {
 public:
  Store() {
    free_[0].store(~uint64_t{0});
    free_[1].store(~uint64_t{0});
  }

  std::string run_with(uint64_t seed, bool with_purge) {
    std::vector<std::function<void()>> bodies = {[this] { short_runs(3); }, [this] { long_runs(); }};
    if (with_purge) bodies.emplace_back([this] { purge(); });
    if (!with_purge) bodies.emplace_back([this] { short_runs(40); });
    run(seed, bodies);
    for (const bool taken : taken_) {
      if (taken) wrong_ = "a slice was not given back";
    }
    if ((free_[0].load() & free_[1].load()) != ~uint64_t{0} && wrong_.empty()) wrong_ = "a slice was lost";
    return wrong_;
  }

 private:
  void mark(uint64_t word, uint64_t mask, bool taken) {
    for (uint64_t slice = word * 64; mask != 0; mask >>= 1, ++slice) {
      if ((mask & 1) == 0) continue;
      if (taken_[slice] == taken) wrong_ = "a slice has two owners";
      taken_[slice] = taken;
    }
  }

  void short_runs(unsigned count) {
    for (unsigned i = 0; i < 6; ++i) {
      const uint64_t mask = Words::take_run(free_[i % 2], count + i);
      if (mask == 0) continue;
      if (static_cast<unsigned>(__builtin_popcountll(mask)) != count + i) wrong_ = "a run of another length";
      mark(i % 2, mask, true);
      zero_[i % 2].fetch_and(~mask);
      step();
      mark(i % 2, mask, false);
      heap::give(free_[i % 2], mask);
    }
  }

  void long_runs() {
    const auto word_of = [this](uint64_t word) -> Word& { return free_[word]; };
    for (unsigned i = 0; i < 6; ++i) {
      const uint64_t slice = 50 + i;
      const uint64_t slices = 10 + 8 * i;  // over the border, or up to it
      if (!heap::take_over_words(word_of, slice, slices)) continue;
      for (const bool taken : {true, false}) {
        for (uint64_t done = 0; done < slices;) {
          const heap::WordPart part = heap::part_at(slice + done, slices - done);
          mark(part.word, part.mask, taken);
          if (!taken) heap::give(free_[part.word], part.mask);
          done += part.slices;
        }
        step();
      }
    }
  }

  void purge() {
    for (unsigned i = 0; i < 4; ++i) {
      const uint64_t mask = heap::take_dirty(free_[i % 2], zero_[i % 2]);
      if (mask == 0) continue;
      mark(i % 2, mask, true);
      step();
      zero_[i % 2].fetch_or(mask);
      mark(i % 2, mask, false);
      heap::give(free_[i % 2], mask);
    }
  }

  Word free_[2];
  Word zero_[2];
  bool taken_[kSlices] = {};
  std::string wrong_;
};

TEST(SchedulerSliceWords, RunsInAndOverWords) {
  const auto found =
      explore("slice words", 4000, [](uint64_t seed) { return Store<Real>().run_with(seed, false); });
  EXPECT_EQ(found.wrong, "");
}

TEST(SchedulerSliceWords, WithAPurge) {
  const auto found =
      explore("slice words, purged", 4000, [](uint64_t seed) { return Store<Real>().run_with(seed, true); });
  EXPECT_EQ(found.wrong, "");
}

TEST(SchedulerSliceWords, FindsWordsThatLose) {
  const auto found = explore("slice words that lose", 10000,
                             [](uint64_t seed) { return Store<Losing>().run_with(seed, false); });
  EXPECT_NE(found.wrong, "");
}

}  // namespace
}  // namespace loam::scheduler
