#include "executor/operations.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace loam::executor {
namespace {

using format::OperationCode;
using format::OperationWord;

constexpr std::uint64_t kPage = 4096;
constexpr int kTriesBeforeYield = 100;

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

class Worker {
 public:
  explicit Worker(const Job& job) : job_(job) {}

  template <bool kShared>
  void run(const OperationWord* words, std::uint32_t count) {
    for (const OperationWord* at = words; at != words + count; ++at) {
      const auto code = static_cast<OperationCode>(at->code & 15U);
      const std::uint32_t value = at->code >> 4;
      Slot& slot = job_.slots[at->block];
      switch (code) {
        case OperationCode::kAllocate:
          allocate(slot, at->block, value);
          break;
        case OperationCode::kRelease:
          release(slot, at->block);
          break;
        case OperationCode::kResize:
          resize(slot, at->block, value);
          break;
        default:
          prepare(*at, code, value);
          continue;
      }
      if constexpr (kShared) __atomic_store_n(&slot.turns, slot.turns + 1, __ATOMIC_RELEASE);
    }
  }
  Tally& tally() { return tally_; }

 private:
  std::uint64_t size_of(std::uint32_t value) {
    const std::uint64_t size = high_ << format::kWordValueBits | value;
    high_ = 0;
    return size;
  }

  void allocate(Slot& slot, std::uint32_t number, std::uint32_t value) {
    const std::uint64_t size = size_of(value);
    void* block = nullptr;
    if (alignment_log_ == 0) [[likely]] {
      block = malloc(size);
    } else {
      if (posix_memalign(&block, std::size_t{1} << alignment_log_, size) != 0) block = nullptr;
      alignment_log_ = 0;
    }
    slot.block = static_cast<unsigned char*>(block);
    slot.pages = 0;
    touch(slot, number, size);
  }
  void release(Slot& slot, std::uint32_t number) {
    if (job_.is_checked) check(slot, number);
    free(slot.block);
    slot.block = nullptr;
  }
  void resize(Slot& slot, std::uint32_t number, std::uint32_t value) {
    if (job_.is_checked) check(slot, number);
    const std::uint64_t size = size_of(value);
    void* block = realloc(slot.block, size);
    if (block == nullptr) {
      // What was there still is, unless its size was to be 0.
      tally_.failed += size != 0 ? 1 : 0;
      if (size == 0) slot.block = nullptr;
      return;
    }
    slot.block = static_cast<unsigned char*>(block);
    touch(slot, number, size);
  }

  void touch(Slot& slot, std::uint32_t number, std::uint64_t size) {
    if (slot.block == nullptr) [[unlikely]] {
      ++tally_.failed;
      return;
    }
    const std::uint64_t pages = (size + kPage - 1) / kPage;
    if (size > 0) slot.block[0] = static_cast<unsigned char>(number);
    for (std::uint64_t page = slot.pages > 1 ? slot.pages : 1; page < pages; ++page)
      slot.block[page * kPage] = 1;
    slot.pages = static_cast<std::uint32_t>(pages);
  }
  void check(const Slot& slot, std::uint32_t number) {
    if (slot.block != nullptr && slot.pages != 0 && slot.block[0] != static_cast<unsigned char>(number))
      ++tally_.broken;
  }

  void prepare(const OperationWord& word, OperationCode code, std::uint32_t value) {
    if (code == OperationCode::kHigh) high_ = value;
    if (code == OperationCode::kAlign) alignment_log_ = value;
    if (code == OperationCode::kWait) wait_for(job_.slots[word.block], value);
    if (code == OperationCode::kTime) sleep_until(std::uint64_t{value} << 32 | word.block);
  }
  static void wait_for(const Slot& slot, std::uint32_t turns) {
    for (int tries = 0; (__atomic_load_n(&slot.turns, __ATOMIC_ACQUIRE) & format::kWordValueMask) != turns;) {
      if (++tries > kTriesBeforeYield) sched_yield();
    }
  }
  void sleep_until(std::uint64_t microseconds) const {
    if (job_.speed <= 0) return;
    const auto after = static_cast<std::uint64_t>(static_cast<double>(microseconds) * 1000 / job_.speed);
    const std::uint64_t at = job_.start_ns + after;
    const timespec until{static_cast<time_t>(at / 1'000'000'000U), static_cast<long>(at % 1'000'000'000U)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) continue;
  }

  const Job& job_;
  Tally tally_;
  std::uint64_t high_ = 0;
  std::uint32_t alignment_log_ = 0;
};

bool read_part(int file, void* to, std::size_t bytes, std::uint64_t offset) {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = pread(file, at, bytes, static_cast<off_t>(offset));
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace

std::uint64_t now_ns() { return clock_ns(CLOCK_MONOTONIC); }

Tally run_thread(const Job& job, std::uint32_t thread, OperationWord* words) {
  Worker worker(job);
  Tally& tally = worker.tally();
  for (std::uint32_t i = 0; i < job.head->chunks; ++i) {
    const format::OperationChunk& chunk = job.table[i];
    if (chunk.thread != thread) continue;
    if (chunk.words > format::kWordsInChunk ||
        !read_part(job.file, words, chunk.words * sizeof(OperationWord), chunk.offset)) {
      tally.is_read = false;
      break;
    }
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_THREAD, &before);
    const std::uint64_t from = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (job.is_shared)
      worker.run<true>(words, chunk.words);
    else
      worker.run<false>(words, chunk.words);
    tally.cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - from;
    getrusage(RUSAGE_THREAD, &after);
    tally.minor_faults += static_cast<std::uint64_t>(after.ru_minflt - before.ru_minflt);
    tally.major_faults += static_cast<std::uint64_t>(after.ru_majflt - before.ru_majflt);
  }
  return tally;
}

}  // namespace loam::executor
