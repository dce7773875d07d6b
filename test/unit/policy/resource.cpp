// policy.hpp: the policies as memory for containers.
#include <gtest/gtest.h>

#include <loam/policy.hpp>
#include <map>
#include <string>
#include <vector>

#include "unit/lib/faults.hpp"

namespace {

template <class Resource>
void use(Resource& memory) {
  std::pmr::map<int, std::pmr::string> names(&memory);
  for (int i = 0; i < 1000; ++i) names.emplace(i, std::string(static_cast<std::size_t>(i % 200), 'x'));
  for (int i = 0; i < 1000; i += 2) names.erase(i);
  for (const auto& [number, name] : names) EXPECT_EQ(name.size(), static_cast<std::size_t>(number % 200));
  EXPECT_GT(memory.figures().region_bytes, std::size_t{60} << 10);
}

TEST(PolicyResource, ServesContainers) {
  loam::policy_resource<loam::policy::best_fit> best;
  loam::policy_resource<loam::policy::buddy> buddy;
  loam::policy_resource<loam::policy::segregated> segregated;
  use(best);
  use(buddy);
  use(segregated);
  const loam::policy_figures figures = best.figures();
  EXPECT_EQ(figures.free_bytes, figures.region_bytes) << "all has been freed";
  EXPECT_EQ(figures.largest_free, figures.free_bytes) << "and joined";
}

TEST(PolicyResource, RefusesWhatIsNoLiveBlock) {
  loam::policy_resource<loam::policy::first_fit> memory;
  const loam::collected_faults faults;
  void* block = memory.allocate(100);
  void* other = memory.allocate(100);
  EXPECT_TRUE(memory.owns(block));
  memory.deallocate(static_cast<char*>(block) + 16, 100);
  memory.deallocate(block, 100);
  EXPECT_FALSE(memory.owns(block));
  memory.deallocate(block, 100);
  int local = 0;
  memory.deallocate(&local, 4);
  memory.deallocate(other, 100);
  const std::vector<loam::pool_fault> expected = {
      loam::pool_fault::foreign_pointer, loam::pool_fault::double_free, loam::pool_fault::foreign_pointer};
  EXPECT_EQ(loam::collected_faults::seen(), expected);
}

TEST(PolicyResource, LivesInGivenMemory) {
  std::vector<std::byte> buffer(std::size_t{100} << 10);
  loam::policy_resource<loam::policy::tlsf> memory(buffer);
  std::vector<void*> blocks;
  EXPECT_THROW(for (;;) blocks.push_back(memory.allocate(1000)), std::bad_alloc);
  EXPECT_GT(blocks.size(), 80u);
  for (void* block : blocks) {
    EXPECT_GE(static_cast<std::byte*>(block), buffer.data());
    EXPECT_LE(static_cast<std::byte*>(block) + 1000, buffer.data() + buffer.size());
    memory.deallocate(block, 1000);
  }
  EXPECT_EQ(memory.figures().free_blocks, 1u);
}

TEST(PolicyResource, AlignsAsAsked) {
  loam::policy_resource<loam::policy::next_fit> memory(loam::policy_options{.header = 8});
  for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    void* block = memory.allocate(40, alignment);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u);
  }
}

TEST(PolicyResource, GivesItsEndBack) {
  loam::policy_resource<loam::policy::worst_fit> memory;
  void* block = memory.allocate(std::size_t{8} << 20);
  *static_cast<char*>(block) = 1;
  memory.deallocate(block, std::size_t{8} << 20);
  EXPECT_EQ(memory.figures().region_bytes, 0u);
  block = memory.allocate(std::size_t{8} << 20);
  EXPECT_EQ(*static_cast<char*>(block), 0);
  memory.deallocate(block, std::size_t{8} << 20);
}

}  // namespace
