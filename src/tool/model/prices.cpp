#include "tool/model/prices.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <functional>
#include <optional>

#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr std::size_t kPagesAtOnce = 256;

std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

double now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void touch(char* at) { *const_cast<volatile char*>(at) = 1; }

// An anonymous mapping, aligned as asked, gone at the end.
class Mapping {
 public:
  explicit Mapping(std::size_t bytes, std::size_t alignment = 0) : whole_(bytes + alignment) {
    void* at =
        mmap(nullptr, whole_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return;
    base_ = static_cast<char*>(at);
    start_ = base_;
    if (alignment == 0) return;
    const std::size_t past = reinterpret_cast<std::uintptr_t>(base_) % alignment;
    if (past != 0) start_ = base_ + (alignment - past);
  }
  ~Mapping() {
    if (base_ != nullptr) munmap(base_, whole_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  char* start() const { return start_; }
  bool valid() const { return base_ != nullptr; }

 private:
  std::size_t whole_;
  char* base_ = nullptr;
  char* start_ = nullptr;
};

// One sample: nanoseconds for one of whatever is measured, or nothing with `reason` set.
using Sample = std::function<std::optional<double>(std::string& reason)>;

Price measure(const char* name, const char* what, unsigned repetitions, const Sample& sample) {
  Price price;
  price.name = name;
  price.what = what;
  std::vector<double> times;
  for (unsigned i = 0; i < repetitions; ++i) {
    const auto time = sample(price.reason);
    if (!time) return price;
    times.push_back(*time);
  }
  std::ranges::sort(times);
  price.known = true;
  price.median_ns = times[times.size() / 2];
  price.lowest_ns = times.front();
  price.repetitions = repetitions;
  return price;
}

std::optional<double> sample_call(std::string&) {
  constexpr int kCalls = 500;
  const double start = now_ns();
  for (int i = 0; i < kCalls; ++i) syscall(SYS_getppid);
  return (now_ns() - start) / kCalls;
}

std::optional<double> sample_small_fault(std::string& reason) {
  const std::size_t page = page_bytes();
  const Mapping memory(kPagesAtOnce * page);
  if (!memory.valid()) {
    reason = fmt::format("mmap: {}", error_text(errno));
    return std::nullopt;
  }
  madvise(memory.start(), kPagesAtOnce * page, MADV_NOHUGEPAGE);
  const double start = now_ns();
  for (std::size_t i = 0; i < kPagesAtOnce; ++i) touch(memory.start() + i * page);
  return (now_ns() - start) / static_cast<double>(kPagesAtOnce);
}

// A touch counts as a huge fault only if one fault brought the whole of the 2 MiB.
std::optional<double> sample_huge_fault(std::string& reason) {
  const Mapping memory(kHuge, kHuge);
  if (!memory.valid() || madvise(memory.start(), kHuge, MADV_HUGEPAGE) != 0) {
    reason = fmt::format("the kernel refuses the advice: {}", error_text(errno));
    return std::nullopt;
  }
  const double start = now_ns();
  touch(memory.start());
  const double time = now_ns() - start;
  unsigned char resident[kHuge / 4096] = {};
  if (mincore(memory.start(), kHuge, resident) != 0 || (resident[kHuge / page_bytes() - 1] & 1U) == 0) {
    reason = "the kernel gave no huge page (transparent huge pages off, or no free one)";
    return std::nullopt;
  }
  return time;
}

std::optional<double> sample_map_pair(std::size_t touched, std::string& reason) {
  constexpr int kPairs = 64;
  const std::size_t page = page_bytes();
  const double start = now_ns();
  for (int i = 0; i < kPairs; ++i) {
    void* at = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
      reason = fmt::format("mmap: {}", error_text(errno));
      return std::nullopt;
    }
    if (touched != 0) touch(static_cast<char*>(at));
    munmap(at, page);
  }
  return (now_ns() - start) / kPairs;
}

std::optional<double> sample_dontneed(std::string& reason) {
  const std::size_t bytes = kPagesAtOnce * page_bytes();
  const Mapping memory(bytes);
  if (!memory.valid()) {
    reason = fmt::format("mmap: {}", error_text(errno));
    return std::nullopt;
  }
  madvise(memory.start(), bytes, MADV_NOHUGEPAGE);
  for (std::size_t at = 0; at < bytes; at += page_bytes()) touch(memory.start() + at);
  const double start = now_ns();
  if (madvise(memory.start(), bytes, MADV_DONTNEED) != 0) {
    reason = fmt::format("madvise: {}", error_text(errno));
    return std::nullopt;
  }
  return (now_ns() - start) / static_cast<double>(kPagesAtOnce);
}

// Moves one touched page back and forth between two reserved places.
std::optional<double> sample_mremap(std::string& reason) {
  constexpr int kMoves = 64;
  const std::size_t page = page_bytes();
  Mapping places(4 * page);
  if (!places.valid()) {
    reason = fmt::format("mmap: {}", error_text(errno));
    return std::nullopt;
  }
  char* here = places.start();
  char* there = here + 2 * page;
  touch(here);
  const double start = now_ns();
  for (int i = 0; i < kMoves; ++i) {
    if (mremap(here, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, there) == MAP_FAILED) {
      reason = fmt::format("mremap: {}", error_text(errno));
      return std::nullopt;
    }
    std::swap(here, there);
  }
  return (now_ns() - start) / kMoves;
}

}  // namespace

std::vector<const Price*> Prices::all() const {
  return {&system_call, &small_fault, &huge_fault, &map_pair, &map_touch_unmap, &dontneed_page, &mremap_page};
}

Prices measure_prices(Effort effort) {
  const unsigned many = effort == Effort::kQuick ? 15 : 151;
  const unsigned some = effort == Effort::kQuick ? 5 : 31;
  Prices prices;
  prices.system_call = measure("system_call", "system call (getppid)", many, sample_call);
  prices.small_fault = measure("small_fault", "page fault, 4 KiB", some, sample_small_fault);
  prices.huge_fault = measure("huge_fault", "page fault, 2 MiB huge page", some, sample_huge_fault);
  prices.map_pair = measure("map_pair", "mmap + munmap, untouched page", some,
                            [](std::string& reason) { return sample_map_pair(0, reason); });
  prices.map_touch_unmap = measure("map_touch_unmap", "mmap + touch + munmap, one page", some,
                                   [](std::string& reason) { return sample_map_pair(1, reason); });
  prices.dontneed_page = measure("dontneed_page", "madvise(DONTNEED), a page of 256", some, sample_dontneed);
  prices.mremap_page = measure("mremap_page", "mremap of one touched page", some, sample_mremap);
  return prices;
}

}  // namespace loam::tool
