#include "lib/gc/finalize.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

struct FinalizedNode {
  FinalizedNode* next;
  uint64_t number;
};

std::vector<uint64_t>* ran;

void note(void* object, void*) { ran->push_back(static_cast<FinalizedNode*>(object)->number); }

// Number 2 leads to 1, which leads to 0; 3 and 4 lead to each other.
void make(Order order) {
  FinalizedNode* nodes[5];
  for (uint64_t i = 0; i < 5; ++i) {
    nodes[i] = static_cast<FinalizedNode*>(allocate(Kind::kNormal, sizeof(FinalizedNode)));
    nodes[i]->number = i;
    nodes[i]->next = i == 0 ? nullptr : i == 3 ? nullptr : nodes[i - 1];
  }
  nodes[3]->next = nodes[4];
  for (FinalizedNode* node : nodes) {
    const sys::LockGuard guard(heap.lock);
    ASSERT_TRUE(finalizers.set(reinterpret_cast<uint64_t>(node), note, nullptr, order, nullptr, nullptr));
  }
}

class GcFinalize : public testing::Test {
 protected:
  void SetUp() override {
    start();
    // The collector's own data are part of this program's, and name the start of the heap: the object there is always reached.
    static_cast<void>(allocate(Kind::kNormal, sizeof(FinalizedNode)));
    seen_.clear();
    ran = &seen_;
  }
  void TearDown() override {
    const sys::LockGuard guard(heap.lock);
    finalizers.make_all_due();
    Finalizers::Due due;
    while (finalizers.take_due(&due)) {
    }
  }
  std::vector<uint64_t> seen_;
};

TEST_F(GcFinalize, OrderedFromTheTopAndNeverACycle) {
  elsewhere([] { make(Order::kOrdered); });
  for (uint64_t i = 1; i <= 5; ++i) {
    collect_now();
    const std::vector<uint64_t> so_far = i == 1   ? std::vector<uint64_t>{2}
                                         : i == 2 ? std::vector<uint64_t>{2, 1}
                                                  : std::vector<uint64_t>{2, 1, 0};
    EXPECT_EQ(seen_, so_far);
  }
}

TEST_F(GcFinalize, WithoutOrderAllAtOnce) {
  elsewhere([] { make(Order::kNone); });
  collect_now();
  EXPECT_EQ(seen_.size(), 5u);
  collect_now();
  EXPECT_EQ(seen_.size(), 5u);
}

TEST_F(GcFinalize, LongLinksAfterFinalizersShortOnesBefore) {
  static uint64_t link;
  static uint64_t long_link;
  static uint64_t short_seen;
  struct Make {
    static void object() {
      auto* node = static_cast<FinalizedNode*>(allocate(Kind::kNormal, sizeof(FinalizedNode)));
      const auto address = reinterpret_cast<uint64_t>(node);
      // In disguise, or the links themselves would hold it: they lie among the data.
      auto* cell = static_cast<uint64_t*>(allocate(Kind::kAtomic, 2 * sizeof(uint64_t)));
      cell[0] = cell[1] = address;
      link = reinterpret_cast<uint64_t>(&cell[0]);
      long_link = reinterpret_cast<uint64_t>(&cell[1]);
      const sys::LockGuard guard(heap.lock);
      finalizers.add_link(link, address, false);
      finalizers.add_link(long_link, address, true);
      finalizers.set(
          address, [](void*, void*) { short_seen = *reinterpret_cast<uint64_t*>(link) == 0 ? 1 : 2; },
          nullptr, Order::kOrdered, nullptr, nullptr);
    }
  };
  elsewhere(Make::object);
  collect_now();
  EXPECT_EQ(short_seen, 1u);
  EXPECT_NE(*reinterpret_cast<uint64_t*>(long_link), 0u);
  collect_now();
  collect_now();
  EXPECT_EQ(*reinterpret_cast<uint64_t*>(long_link), 0u);
}

}  // namespace
}  // namespace loam::collector
