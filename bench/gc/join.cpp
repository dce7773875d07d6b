// What making huge pages of small ones costs on this machine, region by region of 2 MiB: the median, the longest, and all together.
//   touched small   the first writes to 512 small pages
//   touched huge    the first write to a huge page
//   split           the first writes to 512 pages of a huge one that is watched (userfaultfd, Linux 6.7), which make small ones of it
//   joined          MADV_COLLAPSE of those, and of pages that were small from the beginning
// Usage: gc-join REGIONS
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kPage = 4096;
constexpr int kCollapse = 25;  // the headers of this libc are older
constexpr uint64_t kAsynchronousWrites = uint64_t{1} << 15;

uint64_t regions;

char* map(int advice) {
  const uint64_t bytes = (regions + 1) * kHugePage;
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) std::exit(1);
  char* start = static_cast<char*>(mapped);
  start += kHugePage - reinterpret_cast<uint64_t>(start) % kHugePage;
  madvise(start, regions * kHugePage, advice);
  return start;
}

void touch_all(char* region) {
  for (uint64_t at = 0; at < kHugePage; at += kPage) *static_cast<volatile char*>(region + at) = 1;
}
void touch_first(char* region) { *static_cast<volatile char*>(region) = 1; }
void join(char* region) {
  if (madvise(region, kHugePage, kCollapse) != 0) std::perror("MADV_COLLAPSE");
}

void show(const char* what, char* start, void (*act)(char*)) {
  std::vector<double> times;
  for (uint64_t i = 0; i < regions; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    act(start + i * kHugePage);
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  std::printf("%-28s median %.2f ms, longest %.2f ms, together %.0f ms\n", what, times[times.size() / 2],
              times.back(), std::accumulate(times.begin(), times.end(), 0.0));
}

bool watch(char* start) {
  const int descriptor = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
  uffdio_api api{};
  api.api = UFFD_API;
  api.features = kAsynchronousWrites;
  uffdio_register range{};
  range.range = {reinterpret_cast<uint64_t>(start), regions * kHugePage};
  range.mode = UFFDIO_REGISTER_MODE_WP;
  uffdio_writeprotect protect{};
  protect.range = range.range;
  protect.mode = UFFDIO_WRITEPROTECT_MODE_WP;
  return descriptor >= 0 && ioctl(descriptor, UFFDIO_API, &api) == 0 &&
         ioctl(descriptor, UFFDIO_REGISTER, &range) == 0 &&
         ioctl(descriptor, UFFDIO_WRITEPROTECT, &protect) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  regions = std::strtoull(argv[1], nullptr, 10);
  if (regions == 0) return 2;
  char* const small = map(MADV_NOHUGEPAGE);
  show("touched small", small, touch_all);
  madvise(small, regions * kHugePage, MADV_HUGEPAGE);
  show("joined, small from the first", small, join);
  char* const huge = map(MADV_HUGEPAGE);
  show("touched huge", huge, touch_first);
  if (!watch(huge)) {
    std::puts("the kernel cannot watch writes");
    return 0;
  }
  show("split", huge, touch_all);
  show("joined, split before", huge, join);
  return 0;
}
