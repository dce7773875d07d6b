// Counted objects between threads: owners that end, references handed over, weak references that race with the last strong one,
// cells that are read while they are replaced. Each object has a check word that its destructor spoils.
#include <gtest/gtest.h>
#include <loam/rc_cell.hpp>
#include <loam/rc_cycles.hpp>

#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace loam {
namespace {

struct checked {
  static inline std::atomic<int> alive{0};
  static constexpr std::uint64_t good = 0x600d600d600d600d;
  std::uint64_t word = good;
  checked() { ++alive; }
  checked(const checked&) = delete;
  checked& operator=(const checked&) = delete;
  ~checked() {
    EXPECT_EQ(word, good);
    word = 0;
    --alive;
  }
};

template <class Body>
void in_threads(unsigned count, Body body) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i) threads.emplace_back([&, i] { body(i); });
  for (std::thread& each : threads) each.join();
}

// A table that all threads put into and take from, under a lock each place.
class Exchange {
 public:
  static constexpr std::size_t places = 64;
  rc<checked> swap(std::size_t at, rc<checked> with) {
    const std::lock_guard lock(locks_[at]);
    rows_[at].swap(with);
    return with;
  }
  rc<checked> copy(std::size_t at) {
    const std::lock_guard lock(locks_[at]);
    return rows_[at];
  }

 private:
  std::array<std::mutex, places> locks_;
  std::array<rc<checked>, places> rows_;
};

class RcThreads : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(checked::alive, 0); }
  void TearDown() override {
    rc_settle();
    EXPECT_EQ(checked::alive, 0);
  }
};

TEST_F(RcThreads, DroppedElsewhereGoesWhenTheOwnerSettles) {
  rc<checked> mine = make_rc<checked>();
  std::thread([moved = std::move(mine)]() mutable { moved.reset(); }).join();
  EXPECT_EQ(checked::alive, 1);
  rc_settle();
  EXPECT_EQ(checked::alive, 0);
}

TEST_F(RcThreads, UnbiasedGoesAtOnce) {
  rc<checked> mine = make_rc<checked>();
  mine.unbias();
  std::thread([moved = std::move(mine)]() mutable {
    EXPECT_TRUE(moved.rebias());
    moved.reset();
    EXPECT_EQ(checked::alive, 0);
  }).join();
}

// An owner's count that began in the constructor and one that began here look different inside.
TEST_F(RcThreads, WhoTookOverCountsAsTheFirstOwnerDid) {
  rc<checked> mine = make_rc<checked>();
  for (int round = 0; round < 2; ++round) {
    rc<checked> second = mine;
    const rc<checked> third = second;
    EXPECT_EQ(mine.use_count(), 3u);
    second.reset();
    EXPECT_EQ(mine.use_count(), 2u);
    mine.unbias();
    EXPECT_EQ(mine.use_count(), 2u);
    EXPECT_FALSE(mine.rebias());
    second = std::move(mine);
    mine = second;
  }
  EXPECT_EQ(mine.use_count(), 1u);
  EXPECT_TRUE(mine.rebias());
  const rc<checked> last = mine;
  EXPECT_EQ(mine.use_count(), 2u);
  mine.reset();
  EXPECT_EQ(checked::alive, 1);
}

TEST_F(RcThreads, OwnerEndsFirst) {
  rc<checked> held, copy;
  std::thread([&] {
    held = make_rc<checked>();
    copy = held;
  }).join();
  EXPECT_EQ(held.use_count(), 2u);
  copy.reset();
  EXPECT_EQ(checked::alive, 1);
  held.reset();
  EXPECT_EQ(checked::alive, 0);
}

TEST_F(RcThreads, OwnerEndsWithMail) {
  rc<checked> first;
  std::atomic<int> phase{0};
  std::thread owner([&] {
    first = make_rc<checked>();
    phase = 1;
    while (phase != 2) std::this_thread::yield();
  });
  while (phase != 1) std::this_thread::yield();
  first.reset();
  EXPECT_EQ(checked::alive, 1);
  phase = 2;
  owner.join();
  EXPECT_EQ(checked::alive, 0);
}

// The record of a thread that has ended goes to the next, which owns what is left.
TEST_F(RcThreads, NextThreadInheritsTheOwnership) {
  rc<checked> held;
  for (int i = 0; i < 50; ++i) {
    std::thread([&] {
      rc<checked> copy = held;
      held = make_rc<checked>();
      copy.reset();
    }).join();
  }
  held.reset();
}

TEST_F(RcThreads, ReferencesInThreadStorage) {
  struct late {
    rc<checked> object;
    weak_rc<checked> weak;
    ~late() {
      object = make_rc<checked>();
      weak = object;
      EXPECT_NE(weak.lock(), nullptr);
    }
  };
  in_threads(4, [](unsigned) {
    static thread_local late mine;
    mine.object = make_rc<checked>();
  });
}

void trade(Exchange& exchange, unsigned seed, int steps) {
  std::mt19937 random(seed);
  std::vector<rc<checked>> own(8);
  std::vector<weak_rc<checked>> weak(8);
  for (int i = 0; i < steps; ++i) {
    const std::size_t place = random() % Exchange::places, at = random() % own.size();
    switch (random() % 8) {
      case 0:
        own[at] = make_rc<checked>();
        break;
      case 1:
        own[at] = exchange.swap(place, std::move(own[at]));
        break;
      case 2:
        own[at] = exchange.copy(place);
        break;
      case 3:
        exchange.swap(place, own[at]);
        break;
      case 4:
        if (own[at] != nullptr) own[at].unbias();
        break;
      case 5:
        if (own[at] != nullptr) own[at].rebias();
        break;
      case 6:
        weak[at] = own[random() % own.size()];
        break;
      default:
        own[at] = weak[random() % weak.size()].lock();
    }
    if (own[at] != nullptr) {
      ASSERT_EQ(own[at]->word, checked::good);
    }
  }
}

// Generations of threads, so that owners end while others hold, drop and take over what they have made.
TEST_F(RcThreads, Storm) {
  Exchange exchange;
  for (unsigned round = 0; round < 12; ++round)
    in_threads(4, [&](unsigned i) { trade(exchange, round * 4 + i, 6'000); });
  for (std::size_t i = 0; i < Exchange::places; ++i) exchange.swap(i, nullptr);
}

TEST_F(RcThreads, WeakReferencesRaceWithTheLastStrongOne) {
  for (int round = 0; round < 300; ++round) {
    rc<checked> held = make_rc<checked>();
    if (round % 2 == 0) held.unbias();
    const weak_rc<checked> weak = held;
    std::atomic<bool> go{false};
    std::thread other([&] {
      while (!go) std::this_thread::yield();
      while (const rc<checked> locked = weak.lock()) ASSERT_EQ(locked->word, checked::good);
    });
    go = true;
    held.reset();
    while (!weak.expired()) rc_settle();
    other.join();
  }
}

TEST_F(RcThreads, CellsAreReadWhileTheyAreReplaced) {
  std::array<rc_cell<checked>, 4> cells;
  for (auto& each : cells) each.store(make_rc<checked>());
  in_threads(4, [&](unsigned i) {
    std::mt19937 random(i);
    std::vector<borrowed<checked>> held(12);  // more than a thread can announce
    for (int step = 0; step < 8'000; ++step) {
      rc_cell<checked>& cell = cells[random() % cells.size()];
      if (random() % 8 == 0) {
        cell.store(make_rc<checked>());
      } else if (random() % 8 == 1) {
        const rc<checked> before = cell.exchange(cell.load());
        ASSERT_EQ(before->word, checked::good);
      } else {
        held[random() % held.size()] = cell.borrow();
      }
      for (const auto& each : held) {
        if (each) {
          ASSERT_EQ(each->word, checked::good);
        }
      }
      if (const rc<checked> kept = held[0].keep()) {
        ASSERT_EQ(kept->word, checked::good);
      }
    }
  });
  for (auto& each : cells) each.store(nullptr);
}

struct ringed {
  static inline std::atomic<int> alive{0};
  rc<ringed> next;
  rc<ringed> other;
  ringed() { ++alive; }
  ringed(const ringed&) = delete;
  ringed& operator=(const ringed&) = delete;
  ~ringed() { --alive; }
  LOAM_RC_FIELDS(next, other)
};

rc<ringed> ring_of(int count) {
  rc<ringed> first = make_rc<ringed>();
  first->next = first;
  for (int i = 1; i < count; ++i) {
    rc<ringed> fresh = make_rc<ringed>();
    fresh->next = std::exchange(first->next, fresh);
    fresh->other = first;
  }
  return first;
}

// Each thread collects its own rings, and those of threads that have ended, while others hold, lock and drop their nodes.
TEST_F(RcThreads, RingsAreCollectedWhileOthersHoldNodes) {
  std::mutex mutex;
  std::array<rc<ringed>, 16> shared;
  std::array<weak_rc<ringed>, 16> weak;
  for (unsigned round = 0; round < 6; ++round) {
    in_threads(3, [&](unsigned i) {
      std::mt19937 random(round * 3 + i);
      rc<ringed> mine;
      for (int step = 0; step < 1'500; ++step) {
        const rc<ringed> fresh = ring_of(1 + static_cast<int>(random() % 5));
        {
          const std::lock_guard lock(mutex);
          const std::size_t at = random() % shared.size();
          rc<ringed> before = std::exchange(shared[at], random() % 2 == 0 ? fresh : nullptr);
          weak[at] = fresh;
          mine = weak[random() % weak.size()].lock();
          if (mine == nullptr) mine = std::move(before);
        }
        if (step % 10 == 0) collect_cycles();
        if (step % 7 == 0) collect_cycles(std::chrono::nanoseconds(500));
      }
    });
  }
  for (auto& each : shared) each.reset();
  for (auto& each : weak) each.reset();
  collect_cycles();
  EXPECT_EQ(ringed::alive, 0);
}

}  // namespace
}  // namespace loam
