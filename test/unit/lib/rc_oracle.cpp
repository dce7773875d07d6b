// Random graphs whose rings are collected all the time, against an oracle that traces from what the program holds.
//
// The oracle knows each object by a number, keeps its own picture of all references, and says which objects the program can still
// reach. Nothing of that may be destroyed; after a full collection nothing else may be left.
#include <gtest/gtest.h>
#include <loam/rc_cycles.hpp>

#include <array>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace loam {
namespace {

constexpr std::size_t kFields = 3;
constexpr std::size_t kHandles = 24;

struct vertex {
  static inline std::map<int, vertex*> alive;

  explicit vertex(int its_id) : id(its_id) { alive[id] = this; }
  vertex(const vertex&) = delete;
  vertex& operator=(const vertex&) = delete;
  ~vertex() { alive.erase(id); }
  const int id;
  std::array<rc<vertex>, kFields> fields;
  rc<vertex> untold;  // not in trace(): keeps its target, never frees it wrongly
  LOAM_RC_FIELDS(fields)
};

class Oracle {
 public:
  explicit Oracle(unsigned seed) : random_(seed) {}

  void step() {
    const std::size_t a = pick(kHandles), b = pick(kHandles), field = pick(kFields);
    switch (pick(9)) {
      case 0:
      case 1:
        make(a);
        break;
      case 2:
      case 3:
        if (held_[a] != nullptr) point(*held_[a], field, held_[b]);
        break;
      case 4:
        held_[a] = held_[b];
        break;
      case 5:
        if (held_[a] != nullptr) held_[b] = held_[a]->fields[field];
        break;
      case 6:
        held_[a].reset();
        break;
      case 7:
        weak_[a] = held_[b];
        held_[a] = weak_[b].lock();
        break;
      default:
        // Moved without counting: what a collector that has stopped halfway has seen is no longer so.
        if (held_[a] != nullptr && held_[b] != nullptr)
          held_[a]->fields[field] = std::move(held_[b]->fields[pick(kFields)]);
    }
  }
  void point(vertex& from, std::size_t field, const rc<vertex>& to) { from.fields[field] = to; }
  void hide(bool untold) {
    const std::size_t a = pick(kHandles), b = pick(kHandles);
    if (untold && held_[a] != nullptr) held_[a]->untold = held_[b];
  }

  // What the program can reach, through all fields: the objects tell it themselves, as long as none is gone that should not be.
  std::set<int> reachable() const {
    std::set<int> found;
    std::vector<const vertex*> work;
    const auto meet = [&](const rc<vertex>& to) {
      if (to != nullptr && vertex::alive.contains(to->id) && found.insert(to->id).second)
        work.push_back(to.get());
    };
    for (const rc<vertex>& each : held_) meet(each);
    while (!work.empty()) {
      const vertex* const from = work.back();
      work.pop_back();
      for (const rc<vertex>& each : from->fields) meet(each);
      meet(from->untold);
    }
    return found;
  }
  std::size_t pick(std::size_t bound) { return random_() % bound; }
  void let_go() {
    for (auto& each : held_) each.reset();
    for (auto& each : weak_) each.reset();
  }

 private:
  void make(std::size_t at) { held_[at] = make_rc<vertex>(next_++); }

  std::mt19937 random_;
  std::array<rc<vertex>, kHandles> held_;
  std::array<weak_rc<vertex>, kHandles> weak_;
  int next_ = 0;
};

class RcOracle : public testing::TestWithParam<unsigned> {};

unsigned seed_of_today(unsigned round) {
  const auto days = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  return static_cast<unsigned>(days.time_since_epoch().count()) * 16 + round;
}

TEST_P(RcOracle, FullCollections) {
  const unsigned seed = seed_of_today(GetParam());
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  vertex::alive.clear();
  Oracle graph(seed);
  std::size_t reclaimed = 0;
  std::size_t most_alive = 0;
  for (int i = 0; i < 20'000; ++i) {
    graph.step();
    if (i % 5 != 0) continue;
    const std::set<int> reachable = graph.reachable();
    reclaimed += collect_cycles();
    ASSERT_EQ(vertex::alive.size(), reachable.size()) << "step " << i;
    for (const int id : reachable) ASSERT_TRUE(vertex::alive.contains(id)) << "step " << i;
    most_alive = std::max(most_alive, reachable.size());
  }
  EXPECT_GT(reclaimed, most_alive);  // by the collector alone; counting has freed more
  graph.let_go();
  collect_cycles();
  EXPECT_TRUE(vertex::alive.empty());
}

// The same in steps so short that a round takes many, with changes in between. `untold` references make garbage that cannot be
// proved to be some: it stays.
TEST_P(RcOracle, StepsBetweenChanges) {
  const unsigned seed = seed_of_today(GetParam());
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  collect_cycles();
  vertex::alive.clear();
  Oracle graph(seed);
  std::size_t reclaimed = 0;
  std::size_t most_alive = 0;
  for (int i = 0; i < 60'000; ++i) {
    graph.step();
    graph.hide(i % 2'000 == 0);
    reclaimed += collect_cycles(std::chrono::nanoseconds(graph.pick(2) * 2'000)).destroyed;
    if (i % 50 != 0) continue;
    const std::set<int> reachable = graph.reachable();
    for (const int id : reachable) ASSERT_TRUE(vertex::alive.contains(id)) << "step " << i;
    most_alive = std::max(most_alive, reachable.size());
  }
  EXPECT_GT(reclaimed, most_alive);
  graph.let_go();
  std::vector<rc<vertex>> told;
  for (const auto& [id, object] : vertex::alive) told.push_back(std::move(object->untold));
  told.clear();
  collect_cycles();
  EXPECT_TRUE(vertex::alive.empty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RcOracle, testing::Range(0u, 4u));

}  // namespace
}  // namespace loam
