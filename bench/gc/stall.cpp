// What this machine holds up of one thread that does nothing but read the clock: its longest gaps, while a second thread
//   rests     sleeps
//   computes  reads the clock as well
//   fetches   touches fresh huge pages
// No operation of a program with two threads can be shorter at its worst. Usage: gc-stall SECONDS
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kBytes = uint64_t{512} << 20;
constexpr double kGap = 0.5;  // milliseconds

std::chrono::duration<double> length;

double milliseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

void rest() { std::this_thread::sleep_for(length); }

void compute() {
  const auto end = Clock::now() + length;
  while (Clock::now() < end) continue;
}

void fetch() {
  const auto end = Clock::now() + length;
  while (Clock::now() < end) {
    void* mapped =
        mmap(nullptr, kBytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) std::exit(1);
    char* start = static_cast<char*>(mapped);
    start += kHugePage - reinterpret_cast<uint64_t>(start) % kHugePage;
    madvise(start, kBytes, MADV_HUGEPAGE);
    for (uint64_t at = 0; at < kBytes && Clock::now() < end; at += kHugePage)
      *static_cast<volatile char*>(start + at) = 1;
    munmap(mapped, kBytes + kHugePage);
  }
}

void show(const char* what, void (*act)()) {
  std::atomic<bool> done{false};
  std::thread other([&] {
    act();
    done = true;
  });
  double longest = 0;
  unsigned many = 0;
  for (auto before = Clock::now(); !done;) {
    const auto now = Clock::now();
    const double gap = milliseconds(before, now);
    longest = std::max(longest, gap);
    if (gap > kGap) ++many;
    before = now;
  }
  other.join();
  std::printf("the other %-9s longest gap %5.2f ms, %u above %.1f ms\n", what, longest, many, kGap);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  length = std::chrono::duration<double>(std::strtod(argv[1], nullptr));
  show("rests", rest);
  show("computes", compute);
  show("fetches", fetch);
  return 0;
}
