// Threads that come and go, exchange blocks, and share (or should not share) cache lines.
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "workloads/workload.hpp"

namespace loam::bench {
namespace {

// One short-lived thread after another, each with some hundred blocks of which a few outlive it.
Result thread_churn() {
  constexpr int kThreads = 5000;
  std::vector<void*> survivors;
  Result result;
  for (int i = 0; i < kThreads; ++i) {
    std::thread worker([&] {
      Random random(static_cast<std::uint64_t>(i) + 41);
      std::array<void*, 300> blocks{};
      for (void*& block : blocks) block = take(random.between(16, 512), static_cast<std::uint8_t>(i));
      for (std::size_t k = 2; k < blocks.size(); ++k) result.checksum += give_back(blocks[k]);
      survivors.push_back(blocks[0]);
      survivors.push_back(blocks[1]);
    });
    worker.join();
    if (survivors.size() >= 200) {
      for (void* block : survivors) result.checksum += give_back(block);
      survivors.clear();
    }
  }
  for (void* block : survivors) result.checksum += give_back(block);
  return result;
}

// Two threads swap blocks through shared slots: half of all frees are of the other thread's blocks.
Result cross_free() {
  constexpr std::size_t kSlots = 20'000;
  constexpr int kThreads = 2;
  std::vector<std::atomic<void*>> slots(kSlots);
  std::atomic<std::uint64_t> operations{0};
  const double start = seconds_now();
  auto work = [&](std::uint64_t seed) {
    Random random(seed);
    std::uint64_t done = 0;
    while (seconds_now() - start < kTimedSeconds) {
      for (int i = 0; i < 1000; ++i) {
        void* mine = take(random.between(16, 256), 1);
        std::free(slots[random.below(kSlots)].exchange(mine));
      }
      done += 1000;
    }
    operations += done;
  };
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, 51 + i);
  for (std::thread& thread : threads) thread.join();
  const double elapsed = seconds_now() - start;
  for (auto& slot : slots) std::free(slot.load());
  return {0, static_cast<double>(operations.load()) / elapsed};
}

void write_often(char* block, int times) {
  auto* counter = reinterpret_cast<volatile char*>(block);
  for (int i = 0; i < times; ++i) *counter = static_cast<char>(*counter + 1);
}

constexpr int kSharingThreads = 2;
constexpr int kSharingRounds = 50'000;
constexpr int kWrites = 8000;

// Each thread allocates a tiny block, writes it many times, frees it: a malloc that gives two threads parts
// of one cache line makes them fight for it.
Result false_sharing_active() {
  std::vector<std::thread> threads;
  threads.reserve(kSharingThreads);
  std::atomic<std::uint64_t> sum{0};
  for (int t = 0; t < kSharingThreads; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < kSharingRounds * 10; ++round) {
        auto* block = static_cast<char*>(take(8, 0));
        write_often(block, kWrites / 10);
        sum += static_cast<std::uint64_t>(static_cast<unsigned char>(*block));
        std::free(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return {sum.load(), 0};
}

// The main thread allocates neighbouring blocks and gives one to each thread, which frees it and goes on: a
// malloc that lets a thread reuse the foreign block at once keeps the shared line.
Result false_sharing_passive() {
  std::vector<std::thread> threads;
  threads.reserve(kSharingThreads);
  std::atomic<std::uint64_t> sum{0};
  std::array<char*, kSharingThreads> gifts{};
  for (char*& gift : gifts) gift = static_cast<char*>(take(8, 0));
  for (char* gift : gifts) {
    threads.emplace_back([&sum, gift] {
      std::free(gift);
      for (int round = 0; round < kSharingRounds; ++round) {
        auto* block = static_cast<char*>(take(8, 0));
        write_often(block, kWrites);
        sum += static_cast<std::uint64_t>(static_cast<unsigned char>(*block));
        std::free(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return {sum.load(), 0};
}

constexpr std::array kWorkloads{
    Workload{"thread-churn", false, "5,000 threads one after another, 300 blocks each", thread_churn},
    Workload{"cross-free", true, "two threads that free each other's blocks", cross_free},
    Workload{"false-sharing-active", false, "threads that write their own tiny blocks", false_sharing_active},
    Workload{"false-sharing-passive", false, "threads that free neighbouring gifts and allocate anew",
             false_sharing_passive},
};

}  // namespace

std::span<const Workload> thread_workloads() { return kWorkloads; }

}  // namespace loam::bench
