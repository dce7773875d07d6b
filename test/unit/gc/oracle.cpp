// Random graphs of objects against a plain model of what can be reached: nothing that can be may be freed or changed, and of
// the rest next to nothing may stay. The model keeps addresses in disguise, so that it holds nothing itself.
#include <gtest/gtest.h>

#include <random>
#include <unordered_set>
#include <vector>

#include "lib/gc/generations.hpp"
#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

constexpr uint64_t kDisguise = 0x5555555555555555;
constexpr unsigned kRoots = 24;
constexpr uint64_t kMagic = 0x10a3'0000'0000'0000;

struct Object {
  uint64_t check;  // kMagic + its number in the model
  uint64_t edges;
  uint64_t to[1];  // real pointers, to the start or into the object
};

// Volatile: nobody reads them but the collector.
volatile uint64_t root_words[kRoots];

struct Known {
  uint64_t disguised;
  size_t bytes;
  std::vector<size_t> to;  // SIZE_MAX: null
  bool dead;
};

class Graph {
 public:
  explicit Graph(uint64_t seed) : random_(seed) { roots_.assign(kRoots, SIZE_MAX); }

  __attribute__((noinline)) void step() {
    const uint64_t what = random_() % 16;
    if (what < 8) {
      add();
    } else if (what < 13) {
      link();
    } else {
      set_root(random_() % kRoots, SIZE_MAX);
    }
  }

  std::unordered_set<size_t> reachable() const {
    std::unordered_set<size_t> found;
    std::vector<size_t> open;
    for (size_t number : roots_) open.push_back(number);
    while (!open.empty()) {
      const size_t number = open.back();
      open.pop_back();
      if (number == SIZE_MAX || !found.insert(number).second) continue;
      for (size_t next : known_[number].to) open.push_back(next);
    }
    return found;
  }

  // Whether all that can be reached is as it was; and, just after a collection of everything, little else is there.
  __attribute__((noinline)) void verify(uint64_t seed, bool just_collected) {
    const auto live = reachable();
    for (size_t number : live) {
      const uint64_t address = known_[number].disguised ^ kDisguise;
      ASSERT_EQ(base_of(address), address) << "freed though reachable; seed " << seed;
      const auto* object = reinterpret_cast<const Object*>(address);
      ASSERT_EQ(object->check, kMagic + number) << "changed though reachable; seed " << seed;
      ASSERT_EQ(object->edges, known_[number].to.size()) << "seed " << seed;
      const auto* tail = reinterpret_cast<const uint8_t*>(address + known_[number].bytes) - 1;
      ASSERT_EQ(*tail, static_cast<uint8_t>(number | 1)) << "changed though reachable; seed " << seed;
    }
    if (!just_collected) return;
    EXPECT_LT(heap.figures.live_objects, live.size() + live.size() / 4 + 600)
        << "too much stays; seed " << seed;
    reached_ = live.size();
  }

  size_t reached() const { return reached_; }
  void forget() {
    for (unsigned i = 0; i < kRoots; ++i) set_root(i, SIZE_MAX);
  }

 private:
  static uint64_t address_of(const Known& known) { return known.disguised ^ kDisguise; }

  void set_root(size_t index, size_t number) {
    roots_[index] = number;
    root_words[index] =
        number == SIZE_MAX ? 0 : address_of(known_[number]) + random_() % known_[number].bytes;
  }

  size_t some_reachable() {
    size_t number = roots_[random_() % kRoots];
    for (uint64_t depth = random_() % 12; number != SIZE_MAX && depth > 0; --depth) {
      const auto& to = known_[number].to;
      const size_t next = to.empty() ? SIZE_MAX : to[random_() % to.size()];
      if (next == SIZE_MAX) break;
      number = next;
    }
    return number;
  }

  void add() {
    const uint64_t edges = random_() % 6;
    size_t bytes = sizeof(Object) + edges * sizeof(uint64_t) + random_() % 64;
    if (random_() % 50 == 0) bytes += random_() % 3000;
    if (random_() % 1000 == 0) bytes += 40000 + random_() % 200000;
    const bool atomic = edges == 0 && random_() % 2 == 0;
    auto* object = static_cast<Object*>(allocate(atomic ? Kind::kAtomic : Kind::kNormal, bytes));
    ASSERT_NE(object, nullptr);
    const size_t number = known_.size();
    object->check = kMagic + number;
    object->edges = edges;
    reinterpret_cast<uint8_t*>(object)[bytes - 1] = static_cast<uint8_t>(number | 1);
    known_.push_back(
        {reinterpret_cast<uint64_t>(object) ^ kDisguise, bytes, std::vector<size_t>(edges, SIZE_MAX), false});
    for (uint64_t edge = 0; edge < edges; ++edge) set_edge(number, edge, some_reachable());
    const size_t holder = some_reachable();
    if (holder == SIZE_MAX || known_[holder].to.empty() || random_() % 4 == 0)
      set_root(random_() % kRoots, number);
    else
      set_edge(holder, random_() % known_[holder].to.size(), number);
  }

  void set_edge(size_t from, uint64_t edge, size_t to) {
    known_[from].to[edge] = to;
    auto* object = reinterpret_cast<Object*>(address_of(known_[from]));
    object->to[edge] = to == SIZE_MAX ? 0 : address_of(known_[to]) + random_() % known_[to].bytes;
  }

  void link() {
    const size_t from = some_reachable();
    if (from == SIZE_MAX || known_[from].to.empty()) return;
    set_edge(from, random_() % known_[from].to.size(), some_reachable());
  }

  std::mt19937_64 random_;
  std::vector<Known> known_;
  std::vector<size_t> roots_;
  size_t reached_ = 0;
};

void run(uint64_t seed, unsigned markers) {
  start();
  heap.settings.markers = markers;
  auto* graph = new Graph(seed);
  const uint64_t reclaimed_before = heap.figures.reclaimed_bytes;
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 1500; ++i) graph->step();
    collect_now();
    graph->verify(seed, true);
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(heap.figures.reclaimed_bytes - reclaimed_before, heap.figures.live_bytes);
  graph->forget();
  delete graph;
}

TEST(GcOracle, NothingReachableIsFreed) {
  const auto seed = static_cast<uint64_t>(testing::UnitTest::GetInstance()->random_seed());
  RecordProperty("seed", static_cast<int>(seed));
  for (uint64_t i = 0; i < 6 && !HasFailure(); ++i) run(seed * 1000 + i, 1 + i % 2);
}

TEST(GcOracle, WithACollectionEveryFewAllocations) {
  const auto seed = static_cast<uint64_t>(testing::UnitTest::GetInstance()->random_seed());
  start();
  heap.settings.every = 37;
  run(seed * 1000 + 77, 2);
  // The same with collections of young objects between those of everything.
  const uint64_t from = heap.settings.generations_from;
  const uint64_t young = heap.figures.young_collections;
  heap.settings.generations_from = 0;
  run(seed * 1000 + 78, 2);
  EXPECT_TRUE(heap.figures.young_collections > young + 100 || !generations.watching());
  heap.settings.generations_from = from;
  heap.settings.every = 0;
}

// The same with marking beside the program: it is never waited for, and some are broken off.
TEST(GcOracle, WithMarkingWhileTheGraphChanges) {
  const auto seed = static_cast<uint64_t>(testing::UnitTest::GetInstance()->random_seed());
  start();
  const Settings before = heap.settings;
  heap.settings.concurrent = true;
  heap.settings.concurrent_from = 0;
  heap.settings.generations_from = 0;
  heap.settings.least_growth = uint64_t{128} << 10;
  const uint64_t cycles = heap.figures.concurrent_collections;
  const auto few = [&] { return generations.able() && heap.figures.concurrent_collections < cycles + 20; };
  for (uint64_t i = 0; i < 3 || (i < 100 && few()); ++i) {
    auto* graph = new Graph(seed * 1000 + 500 + i);
    for (int round = 0; round < 80 && !testing::Test::HasFailure(); ++round) {
      for (int j = 0; j < 1500; ++j) graph->step();
      if (round % 20 == 19) collect_now();
      graph->verify(seed, round % 20 == 19);
    }
    graph->forget();
    delete graph;
  }
  EXPECT_FALSE(few());
  heap.settings = before;
}

}  // namespace
}  // namespace loam::collector
