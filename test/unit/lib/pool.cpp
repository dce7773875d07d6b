#include <gtest/gtest.h>
#include <loam/pool.hpp>

#include <algorithm>
#include <map>
#include <random>
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
  detail::page_table table;
  std::map<std::uintptr_t, std::uint16_t> model;
  for (int step = 0; step < 20'000; ++step) {
    const std::uintptr_t page = ((random() % 4 << 20) + random() % 900 + 1) << 16;
    const auto kind = static_cast<std::uint16_t>(random() % 40);
    if (step % 4 == 0 && model.emplace(page, kind).second)
      table.insert(page, kind, reinterpret_cast<void*>(page + 1));
    const auto at = model.find(page);
    const std::uintptr_t inside = page + random() % 65'536;
    ASSERT_EQ(table.contains(inside), at != model.end());
    void* value = at != model.end() && at->second == kind ? reinterpret_cast<void*>(page + 1) : nullptr;
    ASSERT_EQ(table.find(inside, kind), value);
  }
  table.clear();
  for (const auto& [page, kind] : model) ASSERT_FALSE(table.contains(page));
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
