#include "lib/gc/table.hpp"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace loam::collector {
namespace {

struct Entry {
  uint64_t key;
  uint64_t value;
};

TEST(GcTable, LikeAMap) {
  const auto seed = static_cast<unsigned>(testing::UnitTest::GetInstance()->random_seed());
  std::mt19937_64 random(seed);
  Table<Entry> table;
  std::unordered_map<uint64_t, uint64_t> model;
  for (int step = 0; step < 200000; ++step) {
    const uint64_t key = 8 * (1 + random() % 5000);
    switch (random() % 4) {
      case 0:
      case 1: {
        Entry* entry = table.insert(key);
        ASSERT_NE(entry, nullptr);
        model[key] = entry->value = random();
        break;
      }
      case 2:
        table.erase(key);
        model.erase(key);
        break;
      default: {
        const Entry* entry = table.find(key);
        ASSERT_EQ(entry != nullptr, model.count(key) == 1) << "seed " << seed;
        if (entry != nullptr) {
          ASSERT_EQ(entry->value, model[key]);
        }
      }
    }
    ASSERT_EQ(table.count(), model.size());
  }
  table.sweep([&](const Entry& entry) {
    if (entry.key % 3 != 0) return false;
    model.erase(entry.key);
    return true;
  });
  uint64_t visited = 0;
  table.for_each([&](const Entry& entry) {
    ++visited;
    EXPECT_EQ(model.at(entry.key), entry.value);
  });
  EXPECT_EQ(visited, model.size());
}

}  // namespace
}  // namespace loam::collector
