// The functions that tell about the heap: they must tell about the heap in use, not about the one they came
// with.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "contract.hpp"

namespace loam::contract {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

void usable_size(Check& check) {
  errno = kSentinel;
  check.expect(malloc_usable_size(nullptr) == 0, "NULL has size %zu", malloc_usable_size(nullptr));
  for (std::size_t size = 0; size < 20000; size += 1 + size / 7) {
    void* block = malloc(size);
    const std::size_t usable = malloc_usable_size(block);
    check.expect(usable >= size, "%zu < %zu", usable, size);
    // Programs write up to it.
    fill(block, usable, 6);
    check.expect(holds(block, usable, 6) && malloc_usable_size(block) == usable, "not stable at %zu", size);
    free(block);
  }
  check.expect(errno == kSentinel, "errno became %d", errno);
}

std::size_t in_use() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

void info_counts(Check& check, std::size_t size, std::size_t count) {
  std::vector<void*> blocks(count);
  const std::size_t before = in_use();
  for (void*& block : blocks) block = malloc(size);
  const std::size_t during = in_use();
  check.expect(during >= before + size * count, "%zu bytes more in use, but %zu were allocated",
               during - before, size * count);
  check.expect(during <= before + size * count * 3 / 2 + kMiB, "%zu bytes more in use for %zu",
               during - before, size * count);
  for (void* block : blocks) free(block);
  const std::size_t after = in_use();
  check.expect(after <= before + kMiB / 4, "%zu bytes in use after the free, %zu before", after, before);
}

void info_narrow(Check& check) {
  void* block = malloc(5 * kMiB);
  const struct mallinfo2 wide = mallinfo2();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const struct mallinfo narrow = mallinfo();
#pragma GCC diagnostic pop
  check.expect(
      static_cast<std::size_t>(narrow.uordblks) + static_cast<std::size_t>(narrow.hblkhd) >= 5 * kMiB,
      "mallinfo shows %d and %d", narrow.uordblks, narrow.hblkhd);
  check.expect(static_cast<std::size_t>(narrow.arena) == wide.arena, "arena %d against %zu", narrow.arena,
               wide.arena);
  free(block);
}

void info_document(Check& check) {
  char* text = nullptr;
  std::size_t length = 0;
  std::FILE* file = open_memstream(&text, &length);  // grows by realloc while malloc_info writes
  if (file == nullptr) return check.expect(false, "no memory stream");
  errno = kSentinel;
  check.expect(malloc_info(0, file) == 0, "did not return 0");
  std::fclose(file);
  check.expect(length > 40 && std::strncmp(text, "<malloc", 7) == 0, "is no <malloc> document");
  check.expect(std::strstr(text, "</malloc>") != nullptr, "the document does not end");
  free(text);
}

void info_options(Check& check) {
  std::FILE* sink = std::fopen("/dev/null", "we");
  errno = kSentinel;
  const int result = malloc_info(1, sink);
  check.expect(result == -1, "options 1 returned %d", result);
  check.expect(errno == EINVAL, "errno is %d", errno);
  std::fclose(sink);
}

void stats_text(Check& check) {
  char name[] = "/tmp/loam-contract-XXXXXX";
  const int file = mkstemp(name);
  if (file < 0) return check.expect(false, "no temporary file");
  unlink(name);
  const int keep = dup(2);
  dup2(file, 2);
  malloc_stats();
  std::fflush(stderr);
  dup2(keep, 2);
  char text[4096] = {};
  const ssize_t length = pread(file, text, sizeof text - 1, 0);
  check.expect(length > 20, "wrote %zd bytes to standard error", length);
  close(file);
}

void options(Check& check) {
  check.expect(mallopt(M_ARENA_MAX, 2) == 1, "M_ARENA_MAX");
  check.expect(mallopt(M_TRIM_THRESHOLD, 1 << 20) == 1, "M_TRIM_THRESHOLD");
  check.expect(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1, "M_MMAP_THRESHOLD");
  check.expect(mallopt(M_PERTURB, 0) == 1, "M_PERTURB");
  void* block = malloc(100);
  check.expect(block != nullptr, "no memory afterwards");
  free(block);
}

void unknown_option(Check& check) { check.expect(mallopt(12345, 1) == 0, "mallopt(12345, 1) is understood"); }

// 64 MiB in pieces, of which the last is kept: nothing goes back by itself, all goes back by trim.
void trim(Check& check) {
  std::vector<void*> blocks(64 * 1024);
  for (void*& block : blocks) {
    block = malloc(1000);
    if (block == nullptr) return check.expect(false, "no memory");
    std::memset(block, 1, 1000);
  }
  const std::size_t full = resident();
  void* last = blocks.back();
  blocks.pop_back();
  for (void* block : blocks) free(block);
  const std::size_t before = resident();
  errno = kSentinel;
  const int gave = malloc_trim(0);
  check.expect(errno == kSentinel, "errno became %d", errno);
  const std::size_t after = resident();
  check.expect(full - after > 40 * kMiB, "resident %zu when full, %zu after the trim", full, after);
  check.expect((gave == 1) == (before >= after + kMiB), "returned %d, resident %zu before and %zu after",
               gave, before, after);
  free(last);
}

void trim_twice(Check& check) {
  for (int i = 0; i < 1000; ++i) free(malloc(static_cast<std::size_t>(i) * 40));
  malloc_trim(0);
  check.expect(malloc_trim(0) == 0, "the second trim finds something to give back again");
}

}  // namespace

void add_report_cases(Table& table) {
  table.push_back({"malloc_usable_size", "NULL, every size up to 20000, stable, writable", usable_size, ""});
  table.push_back(
      {"mallinfo2", "counts 10000 blocks of 100", [](Check& c) { info_counts(c, 100, 10000); }, ""});
  table.push_back(
      {"mallinfo2", "counts 500 blocks of 20000", [](Check& c) { info_counts(c, 20000, 500); }, ""});
  table.push_back(
      {"mallinfo2", "counts 10 blocks of 5 MiB", [](Check& c) { info_counts(c, 5 * kMiB, 10); }, ""});
  table.push_back({"mallinfo", "agrees with mallinfo2", info_narrow, ""});
  table.push_back({"malloc_info", "writes a document", info_document, ""});
  table.push_back({"malloc_info", "options other than 0: -1 and EINVAL", info_options,
                   "it returns EINVAL and leaves errno alone"});
  table.push_back({"malloc_stats", "writes to standard error", stats_text, ""});
  table.push_back({"mallopt", "the four known options", options, ""});
  table.push_back(
      {"mallopt", "an unknown option is not understood", unknown_option, "it answers 1 to everything"});
  table.push_back({"malloc_trim", "gives 64 MiB back and says so", trim, ""});
  table.push_back({"malloc_trim", "returns 0 when there is nothing to give", trim_twice, ""});
}

}  // namespace loam::contract
