#include <gtest/gtest.h>
#include <loam/arena.hpp>
#include <loam/mapped_file.hpp>
#include <loam/pool_resource.hpp>
#include <loam/resource.hpp>

#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace loam {
namespace {

std::string folder() { return ::testing::TempDir(); }

void exercise(std::pmr::memory_resource& memory, std::size_t most_alignment) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  struct block {
    unsigned char* start;
    std::size_t bytes;
    std::size_t alignment;
    unsigned char value;
  };
  std::vector<block> live;
  for (int step = 0; step < 2'000; ++step) {
    if (live.size() < 60 && random() % 2 == 0) {
      const std::size_t bytes = random() % 40'000;
      std::size_t alignment = std::size_t{1} << random() % 14;
      if (alignment > most_alignment) alignment = most_alignment;
      auto* start = static_cast<unsigned char*>(memory.allocate(bytes, alignment));
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(start) % alignment, 0u);
      const auto value = static_cast<unsigned char>(random());
      std::memset(start, value, bytes);
      live.push_back({start, bytes, alignment, value});
    } else if (!live.empty()) {
      std::swap(live[random() % live.size()], live.back());
      const block gone = live.back();
      live.pop_back();
      for (std::size_t i = 0; i < gone.bytes; i += 101) ASSERT_EQ(gone.start[i], gone.value);
      memory.deallocate(gone.start, gone.bytes, gone.alignment);
    }
  }
  for (const block& each : live) memory.deallocate(each.start, each.bytes, each.alignment);
}

TEST(MmapResource, AgreesWithAModel) {
  mmap_resource memory;
  exercise(memory, 8'192);
  mmap_resource same;
  EXPECT_TRUE(memory.is_equal(same));
  EXPECT_THROW(static_cast<void>(memory.allocate(SIZE_MAX)), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(memory.allocate(std::size_t{1} << 62)), std::bad_alloc);
}

TEST(SbrkResource, AgreesWithAModel) {
  sbrk_resource memory;
  exercise(memory, 4'096);
  EXPECT_THROW(static_cast<void>(memory.allocate(SIZE_MAX)), std::bad_alloc);
}

TEST(SbrkResource, GivesTheTopBack) {
  sbrk_resource memory;
  const void* before = ::sbrk(0);
  void* low = memory.allocate(100'000);
  void* high = memory.allocate(100'000);
  EXPECT_GT(::sbrk(0), before);
  memory.deallocate(low, 100'000);
  const void* held = ::sbrk(0);
  EXPECT_GT(held, before);
  memory.deallocate(high, 100'000);
  EXPECT_LE(reinterpret_cast<std::uintptr_t>(::sbrk(0)), reinterpret_cast<std::uintptr_t>(before) + 16);
  EXPECT_GE(memory.crossings(), 2u);
}

TEST(SbrkResource, ToleratesAnotherUser) {
  sbrk_resource memory;
  void* low = memory.allocate(10'000);
  auto* theirs = static_cast<char*>(::sbrk(4'097));
  ASSERT_NE(theirs, reinterpret_cast<char*>(-1));
  std::memset(theirs, 7, 4'097);
  void* high = memory.allocate(50'000);
  std::memset(high, 1, 50'000);
  memory.deallocate(high, 50'000);
  memory.deallocate(low, 10'000);
  exercise(memory, 64);
  EXPECT_EQ(theirs[4'096], 7);
}

TEST(FileResource, AgreesWithAModel) {
  file_resource memory(folder());
  exercise(memory, 4'096);
  exercise(memory, 4'096);
  EXPECT_THROW(static_cast<void>(memory.allocate(16, 8'192)), std::bad_alloc);
  EXPECT_THROW(file_resource("/nowhere/at/all"), std::system_error);
}

TEST(FileResource, TakesHolesBeforeItGrows) {
  file_resource memory(folder());
  std::vector<void*> blocks;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t pages = 1; pages <= 40; ++pages) blocks.push_back(memory.allocate(pages * 4'096));
    EXPECT_EQ(memory.file_bytes(), 40u * 41 / 2 * 4'096);
    for (std::size_t pages = 1; pages <= 40; ++pages) memory.deallocate(blocks[pages - 1], pages * 4'096);
    blocks.clear();
  }
}

TEST(Resources, StandBehindArenasAndPools) {
  mmap_resource pages;
  sbrk_resource top;
  arena memory(65'536, &pages);
  for (int i = 0; i < 10'000; ++i) static_cast<void>(memory.allocate(100));
  pool_resource blocks(&top);
  std::pmr::vector<std::pmr::string> texts(&blocks);
  for (int i = 0; i < 1'000; ++i) texts.emplace_back("a text that is too long to lie in the string itself");
  EXPECT_EQ(texts.size(), 1'000u);
}

TEST(MappedFile, IsReadAndWrittenAsMemory) {
  const std::string path = folder() + "/loam_mapped_file";
  ::unlink(path.c_str());
  {
    mapped_file file(path, mapped_file::mode::create);
    EXPECT_EQ(file.size(), 0u);
    EXPECT_TRUE(file.bytes().empty());
    file.resize(10'000);
    std::memcpy(file.writable_bytes().data(), "hello", 5);
    file.writable_bytes()[9'999] = std::byte{7};
    file.sync();
    file.resize(20'000);
    EXPECT_EQ(file.bytes()[9'999], std::byte{7});
    EXPECT_EQ(file.bytes()[19'999], std::byte{0});
    file.resize(5);
  }
  std::ifstream stream(path);
  std::string text((std::istreambuf_iterator<char>(stream)), {});
  EXPECT_EQ(text, "hello");
  mapped_file file(path);
  file.advise(mapped_file::advice::sequential);
  EXPECT_EQ(std::memcmp(file.bytes().data(), "hello", 5), 0);
  EXPECT_TRUE(file.writable_bytes().empty());
  std::error_code error;
  file.resize(10, error);
  EXPECT_TRUE(error);
  mapped_file moved(std::move(file));
  EXPECT_FALSE(file.is_open());
  EXPECT_EQ(moved.size(), 5u);
  moved.open("/nowhere/at/all", mapped_file::mode::read, error);
  EXPECT_EQ(error, std::errc::no_such_file_or_directory);
  EXPECT_EQ(moved.size(), 5u);
  moved.open(folder(), mapped_file::mode::read, error);
  EXPECT_TRUE(error);
  EXPECT_THROW(mapped_file("/nowhere/at/all"), std::system_error);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace loam
