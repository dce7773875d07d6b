#include "scan/mapping_list.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace {

using namespace loam;

uint64_t word(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

TEST(MappingList, TellsWhatIsThere) {
  constexpr size_t kPage = 4096;
  auto* guarded = static_cast<char*>(mmap(nullptr, 4 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_EQ(mprotect(guarded + kPage, 2 * kPage, PROT_READ | PROT_WRITE), 0);
  void* shared = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  scan::Scratch scratch;
  scan::MappingList list;
  ASSERT_TRUE(list.read(scratch));
  const scan::Mapping* mapping = list.find(word(guarded) + kPage);
  ASSERT_NE(mapping, nullptr);
  EXPECT_EQ(mapping->start, word(guarded) + kPage);
  EXPECT_EQ(mapping->end, word(guarded) + 3 * kPage);
  EXPECT_TRUE(mapping->guarded && mapping->readable && mapping->writable && mapping->nameless);
  EXPECT_FALSE(mapping->shared);
  mapping = list.find(word(shared));
  ASSERT_NE(mapping, nullptr);
  EXPECT_TRUE(mapping->shared);
  EXPECT_EQ(list.find(4096), nullptr);
  int here = 0;
  mapping = list.find(word(&here));
  ASSERT_NE(mapping, nullptr);
  EXPECT_TRUE(mapping->main_stack);
  for (uint64_t i = 1; i < list.count(); ++i) EXPECT_LE(list.at(i - 1).end, list.at(i).start);
  munmap(guarded, 4 * kPage);
  munmap(shared, kPage);
}

}  // namespace
