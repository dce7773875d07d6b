#include <gtest/gtest.h>
#include <loam/pool_resource.hpp>

#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "unit/lib/faults.hpp"

namespace loam {
namespace {

TEST(PoolResource, EverySizeAndAlignment) {
  pool_resource memory;
  for (std::size_t bytes = 0; bytes <= 5'000; bytes += bytes < 600 ? 1 : 37) {
    for (std::size_t alignment = 1; alignment <= 8'192; alignment *= 4) {
      auto* first = static_cast<unsigned char*>(memory.allocate(bytes, alignment));
      auto* second = static_cast<unsigned char*>(memory.allocate(bytes, alignment));
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(first) % alignment, 0u) << bytes << " at " << alignment;
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(second) % alignment, 0u) << bytes << " at " << alignment;
      std::fill_n(first, bytes, static_cast<unsigned char>(1));
      std::fill_n(second, bytes, static_cast<unsigned char>(2));
      ASSERT_TRUE(bytes == 0 || first[bytes - 1] == 1) << bytes << " at " << alignment;
      memory.deallocate(first, bytes, alignment);
      memory.deallocate(second, bytes, alignment);
    }
  }
}

TEST(PoolResource, ServesContainers) {
  pool_resource memory;
  std::pmr::unordered_map<int, std::pmr::string> names(&memory);
  std::pmr::map<int, int> numbers(&memory);
  for (int i = 0; i < 20'000; ++i) {
    names[i % 1'000] = std::string(static_cast<std::size_t>(i % 90), 'x');
    numbers[i % 777] = i;
  }
  EXPECT_EQ(names.size(), 1'000u);
  EXPECT_EQ(numbers.at(0), 19'425);
}

TEST(PoolResource, RefusesWhatIsWrong) {
  collected_faults faults;
  pool_resource memory;
  pool_resource other;
  void* block = memory.allocate(48);
  void* theirs = other.allocate(48);
  memory.deallocate(block, 48);
  memory.deallocate(block, 48);
  memory.deallocate(theirs, 48);
  void* small = memory.allocate(96);
  memory.deallocate(small, 32);  // another size's
  EXPECT_EQ(faults.seen(), (std::vector<pool_fault>{pool_fault::double_free, pool_fault::foreign_pointer,
                                                    pool_fault::foreign_pointer}));
  EXPECT_TRUE(memory.owns(block));
  EXPECT_FALSE(memory.owns(theirs));
}

TEST(PoolResource, AgreesWithAModel) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  pool_resource memory;
  struct block {
    unsigned char* start;
    std::size_t bytes;
    unsigned char value;
  };
  std::vector<block> live;
  for (int step = 0; step < 100'000; ++step) {
    if (live.size() < 2'000 && random() % 2 == 0) {
      const std::size_t bytes = random() % (random() % 50 == 0 ? 9'000 : 700) + 1;
      auto* start = static_cast<unsigned char*>(memory.allocate(bytes));
      const auto value = static_cast<unsigned char>(random());
      std::fill_n(start, bytes, value);
      live.push_back({start, bytes, value});
    } else if (!live.empty()) {
      std::swap(live[random() % live.size()], live.back());
      const block gone = live.back();
      live.pop_back();
      for (std::size_t i = 0; i < gone.bytes; i += 13) ASSERT_EQ(gone.start[i], gone.value);
      memory.deallocate(gone.start, gone.bytes);
    }
  }
  for (const block& each : live) memory.deallocate(each.start, each.bytes);
}

}  // namespace
}  // namespace loam
