#include <gtest/gtest.h>
#include <loam/pool.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <memory_resource>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "unit/lib/faults.hpp"

namespace loam {
namespace {

struct node {
  std::uint64_t words[3];
};

struct counted {
  explicit counted(int& of) : count(of) { ++count; }
  ~counted() { --count; }
  int& count;
  char rest[40];
};

TEST(Pool, HandsOutWhatCameBackLast) {
  pool<node> nodes;
  node* first = nodes.make();
  node* second = nodes.make();
  EXPECT_NE(first, second);
  EXPECT_EQ(nodes.live(), 2u);
  nodes.free(first);
  EXPECT_EQ(nodes.make(), first);
  EXPECT_TRUE(nodes.owns(second));
  int elsewhere = 0;
  EXPECT_FALSE(nodes.owns(&elsewhere));
  EXPECT_FALSE(nodes.owns(nullptr));
  EXPECT_FALSE(nodes.owns(reinterpret_cast<void*>(~std::uintptr_t{0})));
}

TEST(Pool, RefusesASecondFree) {
  collected_faults faults;
  pool<node> nodes;
  node* first = nodes.make();
  node* second = nodes.make();
  nodes.free(first);
  nodes.free(first);
  nodes.deallocate(first);
  nodes.free(second);
  nodes.free(first);  // not the newest any more
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>(3, pool_fault::double_free)));
  EXPECT_EQ(nodes.live(), 0u);
  EXPECT_NE(nodes.make(), nodes.make());
}

// Whichever of the free blocks it is: the newest stands apart from the others.
TEST(Pool, RefusesEverySecondFreeAndNoFirst) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  collected_faults faults;
  pool<node> nodes;
  std::vector<node*> all(50);
  nodes.allocate(std::span<node*>(all));
  std::vector<bool> live(all.size(), true);
  std::size_t wrong = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t which = random() % all.size();
    if (random() % 3 == 0) {
      if (std::find(live.begin(), live.end(), false) == live.end()) continue;
      const auto taken = std::find(all.begin(), all.end(), nodes.allocate());
      ASSERT_NE(taken, all.end());
      ASSERT_FALSE(live[static_cast<std::size_t>(taken - all.begin())]);
      live[static_cast<std::size_t>(taken - all.begin())] = true;
    } else {
      if (!live[which]) ++wrong;
      nodes.deallocate(all[which]);
      live[which] = false;
      nodes.deallocate(reinterpret_cast<node*>(reinterpret_cast<char*>(all[which]) + 1));
      ++wrong;
    }
    ASSERT_EQ(faults.seen().size(), wrong);
    ASSERT_EQ(nodes.live(), static_cast<std::size_t>(std::count(live.begin(), live.end(), true)));
  }
}

TEST(Pool, RefusesTheSecondFreeBeforeTheDestructor) {
  collected_faults faults;
  int count = 0;
  pool<counted> objects;
  counted* object = objects.make(count);
  objects.free(object);
  objects.free(object);
  EXPECT_EQ(count, 0);
  EXPECT_EQ(faults.seen().size(), 1u);
}

// Its destructor gives the object's memory back, and then free() does: whichever way the pool knows that the object is live.
TEST(Pool, RefusesWhatTheDestructorGaveBack) {
  struct hasty {
    explicit hasty(pool<hasty>& its) : from(its) {}
    ~hasty() { from.deallocate(this); }
    pool<hasty>& from;
    char rest[40];
  };
  collected_faults faults;
  pool<hasty> objects;
  hasty* first = objects.make(objects);
  hasty* second = objects.make(objects);
  hasty* third = objects.make(objects);
  objects.free(second);
  objects.free(second);
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>(2, pool_fault::double_free)));
  objects.free(first);
  objects.free(third);
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>(4, pool_fault::double_free)));
  EXPECT_EQ(objects.live(), 0u);
  hasty* again = objects.make(objects);
  objects.free(again);  // the one that stood apart
  EXPECT_EQ(faults.seen().size(), 5u);
  EXPECT_EQ(objects.live(), 0u);
}

TEST(Pool, RefusesForeignPointers) {
  collected_faults faults;
  pool<node> nodes;
  pool<node> others;
  node* mine = nodes.make();
  node* theirs = others.make();
  node local;
  auto* heap = new node;
  nodes.deallocate(theirs);
  nodes.deallocate(&local);
  nodes.deallocate(heap);
  nodes.deallocate(reinterpret_cast<node*>(reinterpret_cast<char*>(mine) + 8));
  nodes.deallocate(reinterpret_cast<node*>(std::uintptr_t{64}));
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>(5, pool_fault::foreign_pointer)));
  EXPECT_EQ(nodes.live(), 1u);
  delete heap;
}

TEST(Pool, EndsTheProgramUnlessToldOtherwise) {
  pool<node> nodes;
  node* object = nodes.make();
  nodes.free(object);
  EXPECT_DEATH(nodes.free(object), "double free into a pool of 0x");
}

TEST(Pool, DestroysWhatIsLeft) {
  int count = 0;
  {
    pool<counted> objects;
    std::vector<counted*> some;
    for (int i = 0; i < 5'000; ++i) some.push_back(objects.make(count));
    for (int i = 0; i < 5'000; i += 3) objects.free(some[static_cast<std::size_t>(i)]);
    std::size_t seen = 0;
    objects.for_each([&](counted*) { ++seen; });
    EXPECT_EQ(seen, objects.live());
    EXPECT_EQ(static_cast<std::size_t>(count), objects.live());
    objects.clear();
    EXPECT_EQ(count, 0);
    EXPECT_EQ(objects.reserved(), 0u);
    static_cast<void>(objects.make(count));
  }
  EXPECT_EQ(count, 0);
}

TEST(Pool, TakesNothingForAConstructorThatThrows) {
  struct thrower {
    thrower() { throw std::string("no"); }
  };
  pool<thrower> objects;
  EXPECT_THROW(static_cast<void>(objects.make()), std::string);
  EXPECT_EQ(objects.live(), 0u);
}

TEST(Pool, WorksInBatches) {
  pool<node> nodes;
  std::vector<node*> some(10'000);
  nodes.allocate(std::span<node*>(some));
  std::sort(some.begin(), some.end());
  EXPECT_EQ(std::unique(some.begin(), some.end()), some.end());
  EXPECT_EQ(nodes.live(), 10'000u);
  nodes.deallocate(std::span<node* const>(some));
  EXPECT_EQ(nodes.live(), 0u);
}

// Blocks that come back side by side are kept otherwise than those that do not.
TEST(Pool, RefusesSecondFreesOfBatchesInEveryOrder) {
  std::mt19937 random(7);
  std::vector<node*> all(6'000);  // three pages
  for (int order = 0; order < 3; ++order) {
    collected_faults faults;
    pool<node> nodes;
    for (int round = 0; round < 3; ++round) {
      for (node*& each : all) each = nodes.allocate();
      const std::set<node*> different(all.begin(), all.end());
      ASSERT_EQ(different.size(), all.size());
      ASSERT_EQ(nodes.live(), all.size());
      if (order == 1) std::sort(all.begin(), all.end(), std::greater<>());
      if (order == 2) std::shuffle(all.begin(), all.end(), random);
      for (node* each : all) nodes.deallocate(each);
      ASSERT_TRUE(faults.seen().empty());
      ASSERT_EQ(nodes.live(), 0u);
    }
    for (node* each : all) nodes.deallocate(each);
    EXPECT_EQ(faults.seen(), (std::vector<pool_fault>(all.size(), pool_fault::double_free)));
  }
}

TEST(Pool, RefusesWhatIsWrongInABatchAndTakesTheRest) {
  collected_faults faults;
  pool<node> nodes;
  node elsewhere{};
  std::vector<node*> all(3'000);
  nodes.allocate(std::span<node*>(all));
  EXPECT_EQ(std::set<node*>(all.begin(), all.end()).size(), all.size());
  std::vector<node*> given(all.rbegin(), all.rend());
  given.insert(given.begin() + 2'000, {all[2'500], &elsewhere, nullptr});
  given.push_back(given.back());
  nodes.deallocate(std::span<node* const>(given));
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>{pool_fault::double_free, pool_fault::foreign_pointer,
                                                    pool_fault::foreign_pointer, pool_fault::double_free}));
  EXPECT_EQ(nodes.live(), 0u);
  nodes.allocate(std::span<node*>(all));
  EXPECT_EQ(std::set<node*>(all.begin(), all.end()).size(), all.size());
  EXPECT_EQ(nodes.live(), all.size());
}

TEST(Pool, AlignsAsTheTypeAsks) {
  struct alignas(256) wide {
    char bytes[256];
  };
  pool<wide> objects;
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(objects.allocate()) % 256, 0u);
}

TEST(Pool, SmallObjectsKeepTheirBytes) {
  pool<char> bytes;
  std::vector<char*> some;
  for (int i = 0; i < 10'000; ++i) some.push_back(bytes.make(static_cast<char>(i)));
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(*some[static_cast<std::size_t>(i)], static_cast<char>(i));
}

// Pages are asked for in ever larger pieces, which such an upstream does not have.
// So many bytes, wherever they lie: what a buffer can give depends on how it is aligned.
class limited : public std::pmr::memory_resource {
 public:
  explicit limited(std::size_t bytes) : left_(bytes) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes > left_) throw std::bad_alloc();
    left_ -= bytes;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
    left_ += bytes;
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::size_t left_;
};

TEST(Pool, TakesWhatASmallUpstreamHas) {
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  limited small(kBytes);
  pool<node> nodes(&small);
  std::size_t count = 0;
  EXPECT_THROW(for (;; ++count) static_cast<void>(nodes.allocate()), std::bad_alloc);
  EXPECT_GT(nodes.reserved(), kBytes / 8 * 5);
  EXPECT_EQ(nodes.live(), count);
}

TEST(Pool, GrowsBeyondWhatAHugePageHolds) {
  constexpr std::size_t kNodes = 300'000;
  pool<node> nodes;
  std::vector<node*> some(kNodes);
  for (std::size_t i = 0; i < kNodes; ++i) some[i] = nodes.make(node{{i, i, i}});
  EXPECT_GT(nodes.reserved(), std::size_t{6} << 20);
  for (std::size_t i = 0; i < kNodes; ++i) ASSERT_EQ(some[i]->words[1], i);
  EXPECT_EQ(nodes.live(), kNodes);
}

TEST(FencedPool, SeesWritesOutside) {
  collected_faults faults;
  pool<node, fence_checks> nodes;
  node* object = nodes.make();
  node* other = nodes.make();
  EXPECT_EQ(nodes.verify(), 0u);
  reinterpret_cast<char*>(object)[sizeof(node)] = 1;
  reinterpret_cast<char*>(other)[-1] = 1;
  EXPECT_EQ(nodes.verify(), 2u);
  nodes.free(object);
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>(3, pool_fault::damaged_fence)));
  EXPECT_EQ(nodes.live(), 2u);
}

TEST(Pool, APageThatWasAnotherPoolsHasNoFreedBlocksInIt) {
  collected_faults faults;
  for (int round = 0; round < 20; ++round) {
    pool<node> nodes;
    std::vector<node*> some(5'000);
    nodes.allocate(std::span<node*>(some));
    nodes.deallocate(std::span<node* const>(some));
  }
  EXPECT_TRUE(faults.seen().empty());
}

TEST(Pool, AgreesWithAModel) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  pool<node> nodes;
  std::map<node*, std::uint64_t> model;
  for (std::uint64_t step = 0; step < 100'000; ++step) {
    if (model.empty() || random() % 1000 < (step / 10'000 % 2 == 0 ? 600u : 400u)) {
      node* object = nodes.make(node{{step, step, step}});
      ASSERT_TRUE(model.emplace(object, step).second);
    } else {
      auto at = model.lower_bound(reinterpret_cast<node*>(std::uintptr_t{random()} << 16));
      if (at == model.end()) at = model.begin();
      for (const std::uint64_t word : at->first->words) ASSERT_EQ(word, at->second);
      nodes.free(at->first);
      model.erase(at);
    }
  }
  ASSERT_EQ(nodes.live(), model.size());
  nodes.for_each([&](node* object) { ASSERT_EQ(model.erase(object), 1u); });
  EXPECT_TRUE(model.empty());
}

TEST(AddressSet, AgreesWithAModel) {
  std::mt19937_64 random(7);
  detail::address_set set;
  std::map<std::uintptr_t, bool> model;
  for (int step = 0; step < 200'000; ++step) {
    const std::uintptr_t address = (random() % 3'000 + 1) << 4;
    ASSERT_EQ(set.contains(address), model.count(address) == 1);
    if (random() % 2 == 0) {
      if (model.emplace(address, true).second) set.insert(address);
    } else {
      ASSERT_EQ(set.erase(address), model.erase(address) == 1);
    }
  }
  ASSERT_EQ(set.size(), model.size());
  set.for_each([&](std::uintptr_t address) { ASSERT_EQ(model.erase(address), 1u); });
  EXPECT_TRUE(model.empty());
}

// Pages near each other and far apart, so that some meet in a slot.
TEST(PageTable, AgreesWithAModel) {
  std::mt19937_64 random(11);
  for (const std::size_t size : {16u, 24u, 64u, 272u, 1536u, 8192u}) {
    const detail::block_shape shape = detail::pool_pages::shape_of(size);
    std::vector<detail::block_state> states(shape.count, detail::block_state::live);
    detail::page_table table;
    std::map<std::uintptr_t, bool> model;
    for (int step = 0; step < 5'000; ++step) {
      const std::uintptr_t page = ((random() % 4 << 20) + random() % 900 + 1) << 16;
      if (step % 4 == 0 && model.emplace(page, true).second) table.insert(page, states.data());
      const bool inside = model.count(page) == 1;
      const std::size_t unit = random() % 2 == 0 ? 1 : size;
      const std::uintptr_t offset = random() % 65'536 / unit * unit;
      const std::size_t index = offset / size;
      ASSERT_EQ(table.contains(page + offset), inside);
      const bool starts = inside && offset % size == 0 && index < shape.count;
      ASSERT_EQ(table.find(shape, page + offset), starts ? &states[index] : nullptr);
      detail::block_state* state = nullptr;
      if (table.is_live(shape, page + offset, state)) {
        ASSERT_TRUE(starts);
        ASSERT_EQ(state, &states[index]);
      }
    }
    table.clear();
    for (const auto& [page, there] : model) ASSERT_FALSE(table.contains(page));
  }
}

TEST(BlockShape, OnlyStartsOfBlocksHaveAnIndex) {
  for (std::size_t size = 16; size <= 8'192; size += 8) {
    const detail::block_shape shape = detail::pool_pages::shape_of(size);
    for (std::uint64_t offset = 0; offset <= 65'536; offset += size % 16 == 0 ? 3 : 31) {
      const bool starts = offset % size == 0 && offset / size < shape.count;
      ASSERT_EQ(shape.index_of(offset) < shape.count, starts) << offset << " of " << size;
    }
    for (std::uint64_t index = 0; index < shape.count; ++index) {
      ASSERT_EQ(shape.index_of(index * size), index);
      ASSERT_GE(shape.index_of(index * size + 1), shape.count);
      ASSERT_GE(shape.index_of(index * size - 65'536 * size), shape.count);
      ASSERT_GE(shape.index_of(index * size + (std::uint64_t{1} << 63)), shape.count);
    }
  }
}

TEST(ObjectCache, KeepsObjectsWithWhatTheyHave) {
  struct clear_text {
    void operator()(std::string& text) const noexcept { text.clear(); }
  };
  object_cache<std::string, clear_text> texts(2);
  const char* storage;
  {
    auto text = texts.acquire(std::size_t{1000}, 'x');
    storage = text->data();
    EXPECT_EQ(texts.in_use(), 1u);
  }
  EXPECT_EQ(texts.idle(), 1u);
  {
    auto text = texts.acquire();
    EXPECT_EQ(text->data(), storage);
    EXPECT_TRUE(text->empty());
    auto second = texts.acquire("b");
    auto third = texts.acquire("c");
    EXPECT_EQ(*third, "c");
  }
  EXPECT_EQ(texts.idle(), 2u);
  texts.trim();
  EXPECT_EQ(texts.idle(), 0u);
}

}  // namespace
}  // namespace loam
