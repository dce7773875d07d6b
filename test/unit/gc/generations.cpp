// Collections of young objects: what they find, what they leave, and what must not be missed.
#include "lib/gc/generations.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "support/huge_page.hpp"
#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

struct Node {
  Node* next;
  uint64_t number;
};

Node* volatile root = nullptr;

__attribute__((noinline)) Node* make_list(uint64_t count) {
  Node* list = nullptr;
  for (uint64_t i = 0; i < count; ++i) {
    auto* node = static_cast<Node*>(allocate(Kind::kNormal, sizeof(Node)));
    node->next = list;
    node->number = i;
    list = node;
  }
  return list;
}

// On another thread's stack: nothing of the list is left on this one.
uint64_t length(Node* const volatile& list) {
  uint64_t count = 0;
  elsewhere([&] {
    for (const Node* node = list; node != nullptr; node = node->next)
      count += base_of(reinterpret_cast<uint64_t>(node)) != 0 ? 1u : 0u;
  });
  return count;
}

class GcGenerations : public testing::Test {
 protected:
  void SetUp() override {
    start();
    from_ = heap.settings.generations_from;
    heap.settings.generations_from = 0;
    collect_now();
    // A kernel before 6.7 cannot tell: then every collection is one of everything, and what is asked here holds all the more.
    known_ = generations.watching();
  }
  void TearDown() override {
    root = nullptr;
    heap.settings.generations_from = from_;
    collect_now();
  }
  void collect_young() {
    const uint64_t before = heap.figures.young_collections;
    wipe_stack();
    {
      const sys::LockGuard guard(heap.lock);
      collect(Reason::kGrowth);
    }
    EXPECT_EQ(heap.figures.young_collections, before + (known_ ? 1 : 0));
  }

  bool known_ = false;

 private:
  uint64_t from_ = 0;
};

TEST_F(GcGenerations, YoungObjectsDieAndOldOnesWaitForACollectionOfEverything) {
  elsewhere([] { root = make_list(5000); });
  collect_now();
  const uint64_t live = heap.figures.live_objects;
  const uint64_t reclaimed = heap.figures.reclaimed_bytes;
  elsewhere([] { make_list(20000); });
  root = nullptr;
  collect_young();
  EXPECT_LT(heap.figures.live_objects, live + 500);
  EXPECT_GT(heap.figures.reclaimed_bytes, reclaimed + 19000 * sizeof(Node));
  if (known_) {
    EXPECT_GT(heap.figures.live_objects, 4990u);
  }
  collect_now();
  EXPECT_LT(heap.figures.live_objects, live - 4500);
}

// Of lists that stay a young collection finds nothing, nor would the next one.
TEST_F(GcGenerations, WhereTheYoungLiveAllAreLookedAtUntilTheyDieAgain) {
  elsewhere([] { root = make_list(200000); });
  collect_now();
  const auto grow = [](bool stays) {
    elsewhere([&] {
      Node* const list = make_list(20000);
      if (!stays) return;
      Node* last = list;
      while (last->next != nullptr) last = last->next;
      last->next = root;
      root = list;
    });
  };
  const auto is_full = [&] {
    const uint64_t before = heap.figures.young_collections;
    wipe_stack();
    const sys::LockGuard guard(heap.lock);
    collect(Reason::kGrowth);
    return heap.figures.young_collections == before;
  };
  grow(true);
  is_full();
  for (int i = 0; i < 3; ++i) {
    grow(true);
    EXPECT_TRUE(is_full()) << i;
  }
  grow(false);
  EXPECT_TRUE(is_full());
  grow(false);
  EXPECT_EQ(is_full(), !known_);
  // And where they never die, young ones are tried again.
  grow(true);
  is_full();
  int full = 0;
  do grow(true);
  while (is_full() && ++full < 100);
  EXPECT_EQ(full, known_ ? 5 : 100);
  // Others find it as it was.
  grow(false);
  is_full();
  grow(false);
  EXPECT_EQ(is_full(), !known_);
}

TEST_F(GcGenerations, WhatAnOldObjectWasMadeToLeadToLives) {
  elsewhere([] { root = make_list(3000); });
  collect_now();
  elsewhere([] {
    Node* last = root;
    while (last->next != nullptr) last = last->next;
    last->next = make_list(1000);
    // Else so little is found that the next collection is one of everything.
    make_list(20000);
  });
  collect_young();
  EXPECT_EQ(length(root), 4000u);
  collect_young();
  EXPECT_EQ(length(root), 4000u) << "the page is watched again, and what it leads to is old";
}

TEST_F(GcGenerations, ALargeOldObjectIsReadWhereItWasWritten) {
  static Node* volatile* volatile table;
  constexpr uint64_t kCount = 100000;
  constexpr uint64_t kWritten[] = {0, kCount / 2, kCount - 1};
  elsewhere([] { table = static_cast<Node* volatile*>(allocate(Kind::kNormal, kCount * sizeof(Node*))); });
  collect_now();
  elsewhere([&] {
    for (uint64_t i : kWritten) table[i] = make_list(700);
  });
  collect_young();
  elsewhere([&] {
    for (uint64_t i : kWritten) EXPECT_EQ(length(table[i]), 700u);
  });
  table = nullptr;
}

// Its pointer lies in memory from malloc, of whose changes nobody tells.
struct Outsider {
  const Type* type;
  Node** outside;
};

void outsider_lives(const Type* type) {
  static Outsider* volatile object;
  // For good: an object that is dead may still be held by what looks like a pointer to it, and is traced then.
  static const auto outside = std::make_unique<Node*>(nullptr);
  *outside = nullptr;
  elsewhere([&] {
    object = static_cast<Outsider*>(allocate(Kind::kTyped, sizeof(Outsider)));
    object->outside = outside.get();
    object->type = type;
  });
  collect_now();
  elsewhere([&] { *outside = make_list(1000); });
  {
    const sys::LockGuard guard(heap.lock);
    collect(Reason::kGrowth);
  }
  EXPECT_EQ(length(*outside), 1000u);
  object = nullptr;
}

TEST_F(GcGenerations, PointersOutsideTheHeapAreLookedAtEachTime) {
  static const Type by_place{[](void* object, Marker& marker) {
                               Node** outside = static_cast<Outsider*>(object)->outside;
                               marker.add_word_at(reinterpret_cast<uint64_t>(*outside),
                                                  reinterpret_cast<uint64_t>(outside));
                             },
                             0};
  outsider_lives(&by_place);
  // Null is not even told of.
  static const Type by_type{[](void* object, Marker& marker) {
                              Node* node = *static_cast<Outsider*>(object)->outside;
                              if (node != nullptr) marker.add_word(reinterpret_cast<uint64_t>(node));
                            },
                            1};
  outsider_lives(&by_type);
}

TEST_F(GcGenerations, MemoryOfAFreedOldObjectServesYoungOnes) {
  elsewhere([] { root = make_list(4000); });
  collect_now();
  elsewhere([] {
    for (Node* node = root; node != nullptr;) {
      Node* next = node->next;
      release(reinterpret_cast<uint64_t>(node));
      node = next;
    }
    root = nullptr;
  });
  collect_young();
  const uint64_t live = heap.figures.live_objects;
  elsewhere([] { make_list(4000); });
  collect_young();
  EXPECT_LT(heap.figures.live_objects, live + 400) << "they are not old for being where old ones were";
}

TEST_F(GcGenerations, HugePagesThatWritesHaveSplitAreJoinedOnceTheyAreQuiet) {
  // From 8 MiB on the heap asks for huge pages.
  constexpr uint64_t kCount = uint64_t{12 << 20} / sizeof(Node);
  const Settings settings = heap.settings;
  heap.settings.markers = 1;
  heap.settings.concurrent = false;
  elsewhere([] { root = make_list(kCount); });
  collect_now();
  for (Node* node = root; node != nullptr; node = node->next) ++node->number;
  collect_now();
  const uint64_t before = heap.figures.joined_pages;
  // As often as it takes: each time for no longer than half of the marking.
  for (unsigned i = 0; i < 20 && heap.figures.joined_pages == before; ++i) collect_now();
  if (known_ && heap.figures.joined_pages == before) {
    EXPECT_FALSE(test::huge_page_is_to_be_had());
  }
  EXPECT_EQ(length(root), kCount);
  elsewhere([] {
    Node* last = root;
    while (last->next != nullptr) last = last->next;
    last->next = make_list(1000);
    make_list(20000);
  });
  collect_young();
  EXPECT_EQ(length(root), kCount + 1000) << "what is joined counts as written, or is watched again";
  root = nullptr;
  collect_now();
  heap.settings = settings;
}

TEST_F(GcGenerations, AChildOfAForkLooksAtEverything) {
  elsewhere([] { root = make_list(1000); });
  collect_now();
  const pid_t child = fork();
  if (child == 0) {
    if (generations.watching()) _exit(1);
    Node* last = root;
    while (last->next != nullptr) last = last->next;
    last->next = make_list(10);
    {
      const sys::LockGuard guard(heap.lock);
      collect(Reason::kGrowth);
    }
    _exit(length(root) == 1010 ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace loam::collector
