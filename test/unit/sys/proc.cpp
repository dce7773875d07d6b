#include "sys/proc.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "sys/kernel.hpp"

namespace loam::sys {
namespace {

char zeroed_data[1 << 16];
char data[64] = "data";

TEST(Proc, KindsOfMappings) {
  int local = 0;
  EXPECT_EQ(find_mapping(&local).kind, MappingKind::kStack);
  EXPECT_EQ(find_mapping(data).kind, MappingKind::kObject);
  EXPECT_EQ(find_mapping(zeroed_data + sizeof zeroed_data - 1).kind, MappingKind::kObject);
  EXPECT_EQ(find_mapping(reinterpret_cast<const void*>(&find_mapping)).kind, MappingKind::kObject);
  EXPECT_EQ(find_mapping(reinterpret_cast<const void*>(&std::atoi)).kind, MappingKind::kObject);
  EXPECT_EQ(find_mapping(nullptr).kind, MappingKind::kNone);
  EXPECT_EQ(find_mapping(reinterpret_cast<void*>(~uint64_t{0} - 8)).kind, MappingKind::kNone);
}

TEST(Proc, MappingsMadeHere) {
  // With a protection of its own, so that the kernel joins it to no neighbour, and far from any library, whose zeroed data
  // it would be taken for directly behind one.
  auto* far = reinterpret_cast<void*>(uint64_t{0x7e9000000000});
  void* anonymous = mmap(far, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  ASSERT_EQ(anonymous, far);
  void* shared = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const MappingInfo info = find_mapping(static_cast<char*>(anonymous) + 8191);
  EXPECT_EQ(info.kind, MappingKind::kAnonymous);
  EXPECT_EQ(info.start, reinterpret_cast<uint64_t>(anonymous));
  EXPECT_EQ(info.end, info.start + 8192);
  EXPECT_EQ(find_mapping(shared).kind, MappingKind::kOther);
  EXPECT_GT(count_mappings(), 5u);
  munmap(anonymous, 8192);
  EXPECT_EQ(find_mapping(anonymous).kind, MappingKind::kNone);
  munmap(shared, 8192);
}

TEST(Proc, StackOfAnotherThread) {
  std::thread thread([] {
    int local = 0;
    EXPECT_EQ(find_mapping(&local).kind, MappingKind::kStack);
  });
  thread.join();
}

TEST(Proc, ReadsFilesUpToTheBuffer) {
  const std::string path = testing::TempDir() + "loam-proc.txt";
  std::ofstream(path) << "twelve bytes";
  char buffer[64];
  EXPECT_EQ(read_file(path.c_str(), buffer, sizeof buffer), 12u);
  EXPECT_STREQ(buffer, "twelve bytes");
  EXPECT_EQ(read_file(path.c_str(), buffer, 5), 4u);
  EXPECT_STREQ(buffer, "twel");
  EXPECT_EQ(read_file("/nonexistent", buffer, sizeof buffer), 0u);
  EXPECT_STREQ(buffer, "");
  std::remove(path.c_str());
}

}  // namespace
}  // namespace loam::sys
