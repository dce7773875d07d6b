#include <gtest/gtest.h>
#include <loam/gc.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace gc = loam::gc;

struct node {
  gc::ptr<node> left, right;
  int number = 0;
  explicit node(int n) : number(n) {}
  void trace(gc::tracer& to) const { to(left), to(right); }
};

__attribute__((noinline)) void wipe_stack() {
  volatile char frame[16384];
  for (auto& byte : frame) byte = 0;
}

void collect() {
  wipe_stack();
  gc::heap::collect();
}

gc::ptr<node> make_tree(int depth) {
  auto top = gc::make<node>(depth);
  if (depth > 0) {
    top->left = make_tree(depth - 1);
    top->right = make_tree(depth - 1);
  }
  return top;
}

int count(const gc::ptr<node>& top) { return top ? 1 + count(top->left) + count(top->right) : 0; }

class GcHeader : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { gc::heap::set_conservative(GetParam()); }
  void TearDown() override { gc::heap::set_conservative(true); }
};
INSTANTIATE_TEST_SUITE_P(Stacks, GcHeader, testing::Bool());

TEST_P(GcHeader, RootsInMemoryFromMallocHoldAGraphWithCycles) {
  gc::heap::set_automatic(false);
  std::vector<gc::root<node>> tops;
  for (int i = 0; i < 10; ++i) {
    tops.emplace_back(make_tree(10));
    tops.back()->left->left = tops.back().get();
  }
  gc::heap::set_automatic(true);
  collect();
  EXPECT_GE(gc::heap::figures().live_objects, 10u * 1535);
  for (auto& top : tops) {
    EXPECT_EQ(top->left->left, top.get());
    EXPECT_EQ(count(top->right), 1023);
  }
  auto copy = tops[3];
  tops.clear();
  collect();
  EXPECT_EQ(count(copy->right), 1023);
  EXPECT_LT(gc::heap::figures().live_objects, 5u * 1535);
}

TEST_P(GcHeader, AnObjectIsHeldWhileItIsBuilt) {
  struct built {
    gc::ptr<node> part;
    std::string text = std::string(100, 'x');
    built() {
      collect();
      part = gc::make<node>(4);
      collect();
      for (int i = 0; i < 1000; ++i) gc::make<node>(5);
    }
    void trace(gc::tracer& to) const { to(part); }
  };
  const gc::root<built> made(gc::make<built>());
  collect();
  EXPECT_EQ(made->part->number, 4);
  EXPECT_EQ(made->text.size(), 100u);
}

int destroyed = 0;
struct counted {
  gc::ptr<counted> next;
  ~counted() { ++destroyed; }
  void trace(gc::tracer& to) const { to(next); }
};

__attribute__((noinline)) void make_counted(gc::weak<counted>& last) {
  for (int i = 0; i < 100; ++i) {
    // Each on its own: what a stack still holds of one must not hold the others.
    const gc::root<counted> object(gc::make<counted>());
    object->next = object.get();
    last = gc::weak<counted>(object.get());
  }
  EXPECT_TRUE(last.lock());
}

TEST_P(GcHeader, DestructorsRunOnceAndWeakPointersAreNullBefore) {
  destroyed = 0;
  gc::weak<counted> last;
  make_counted(last);
  const gc::weak<counted> copy = last;
  collect();
  EXPECT_GE(destroyed, 90);
  const int first = destroyed;
  collect();
  collect();
  EXPECT_LE(destroyed, 100);
  EXPECT_GE(destroyed, first);
  if (destroyed == 100) {
    EXPECT_FALSE(last.lock());
    EXPECT_FALSE(copy.lock());
  }
}

std::vector<int> finalized;
__attribute__((noinline)) void make_finalized() {
  gc::root<node> below;
  for (int i = 0; i < 3; ++i) {
    const gc::root<node> object(gc::make<node>(i));
    object->left = below;
    gc::finalize<node>(object.get(), [](node& dead) { finalized.push_back(dead.number); });
    below = object;
  }
}

TEST_P(GcHeader, FinalizersFromTheTop) {
  finalized.clear();
  make_finalized();
  for (int i = 0; i < 6; ++i) collect();
  ASSERT_GE(finalized.size(), 2u);
  EXPECT_EQ(finalized[0], 2);
  EXPECT_EQ(finalized[1], 1);
}

__attribute__((noinline)) void fill(gc::ephemeron_map<node, node>& map, std::vector<gc::root<node>>& keys) {
  for (int i = 0; i < 200; ++i) {
    const gc::root<node> key(gc::make<node>(i));
    const gc::root<node> value(gc::make<node>(i * 2));
    // It leads back to its key: a map that simply held its values would never lose an entry.
    value->left = key;
    map.set(key, value);
    if (i % 2 == 0) keys.push_back(key);
  }
}

TEST_P(GcHeader, EphemeronsGoWithTheirKeys) {
  gc::ephemeron_map<node, node> map;
  std::vector<gc::root<node>> keys;
  fill(map, keys);
  EXPECT_EQ(map.size(), 200u);
  collect();
  EXPECT_GE(map.size(), 100u);
  EXPECT_LE(map.size(), 105u);
  for (const auto& key : keys) EXPECT_EQ(map.get(key)->number, key->number * 2);
  map.erase(keys[0]);
  EXPECT_FALSE(map.get(keys[0]));
}

TEST_P(GcHeader, OutOfMemoryIsAnExceptionAfterACollection) {
  gc::heap::set_limit(gc::heap::figures().heap_bytes + (8u << 20));
  const auto before = gc::heap::figures().collections;
  std::vector<gc::root<node>> held;
  EXPECT_THROW(
      {
        for (;;) held.emplace_back(gc::make<node>(1));
      },
      std::bad_alloc);
  EXPECT_GT(gc::heap::figures().collections, before);
  held.clear();
  collect();
  EXPECT_NO_THROW(gc::root<node>(gc::make<node>(1)));
  gc::heap::set_limit(0);
}

TEST(GcHeaderThreads, SeveralMutators) {
  std::vector<std::thread> threads;
  std::atomic<int> faults{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 40; ++round) faults += count(make_tree(10)) != 2047;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(faults, 0);
}

TEST(GcHeaderUnmanaged, StaysAndHolds) {
  auto** memory = static_cast<node**>(gc::allocate_unmanaged(80));
  EXPECT_EQ(memory[9], nullptr);
  memory[9] = make_tree(3).get();
  collect();
  EXPECT_EQ(count(gc::ptr<node>(memory[9])), 15);
  gc::free_unmanaged(memory);
}

TEST(GcHeaderFigures, AddUp) {
  collect();
  const auto figures = gc::heap::figures();
  std::uint64_t pauses = 0;
  for (auto step : figures.pauses) pauses += step;
  // One that is marked while the program runs has two.
  EXPECT_GE(pauses, figures.collections);
  EXPECT_GE(figures.total_pause_ns, figures.longest_pause_ns);
  EXPECT_GE(figures.heap_bytes, figures.live_bytes);
}

}  // namespace
