#include "sys/proc.hpp"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

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
  // With a protection of its own and far away, so that the kernel joins it to no neighbour.
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

// The first page of this program is mapped once more, as a loader does; the memory behind it is the program's as far as
// its headers say, and anybody's from there on, though it is one mapping.
TEST(Proc, MemoryBehindZeroedData) {
  constexpr size_t kPage = 4096;
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  char head[kPage];
  ASSERT_EQ(pread(file, head, sizeof head, 0), static_cast<ssize_t>(sizeof head));
  uint64_t bytes = 0;
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(head);
  const auto* segments = reinterpret_cast<const Elf64_Phdr*>(head + header->e_phoff);
  for (unsigned i = 0; i < header->e_phnum; ++i)
    if (segments[i].p_type == PT_LOAD) bytes = segments[i].p_vaddr + segments[i].p_memsz;
  bytes = (bytes + kPage - 1) / kPage * kPage;
  if (header->e_type == ET_EXEC) bytes -= segments[0].p_vaddr / kPage * kPage;

  auto* start = reinterpret_cast<char*>(uint64_t{0x7e8000000000});
  ASSERT_EQ(mmap(start, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE, file, 0), start);
  ASSERT_EQ(mmap(start + kPage, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
            start + kPage);
  EXPECT_EQ(find_mapping(start + kPage).kind, MappingKind::kObject);
  EXPECT_EQ(find_mapping(start + bytes - 1).kind, MappingKind::kObject);
  EXPECT_EQ(find_mapping(start + bytes).kind, MappingKind::kAnonymous);
  munmap(start, kPage + bytes);
  close(file);
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
