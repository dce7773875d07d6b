// Operations that need a second thread: blocks freed by another thread, and what a thread's first blocks cost.
#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "micro/operations.hpp"

namespace loam::bench {
namespace {

constexpr int kRingPairs = 4096;
constexpr int kFirstBlocks = 64;

// A ring of one producer and one consumer. The consumer lives as long as the process and frees whatever comes.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the indices are on lines of their own on purpose.
class Consumer {
 public:
  Consumer() : thread_([this] { consume(); }) { thread_.detach(); }

  void give(void* block) {
    while (head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire) == kSlots) {
      std::this_thread::yield();
    }
    const std::size_t head = head_.load(std::memory_order_relaxed);
    slots_[head % kSlots] = block;
    head_.store(head + 1, std::memory_order_release);
  }
  void wait_until_empty() const {
    while (tail_.load(std::memory_order_acquire) != head_.load(std::memory_order_relaxed))
      std::this_thread::yield();
  }

 private:
  static constexpr std::size_t kSlots = 4096;
  static constexpr int kSpins = 2000;

  [[noreturn]] void consume() {
    int idle = 0;
    for (;;) {
      const std::size_t tail = tail_.load(std::memory_order_relaxed);
      if (tail == head_.load(std::memory_order_acquire)) {
        if (++idle > kSpins) std::this_thread::yield();
        continue;
      }
      idle = 0;
      std::free(slots_[tail % kSlots]);
      tail_.store(tail + 1, std::memory_order_release);
    }
  }

  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::array<void*, kSlots> slots_{};
  std::thread thread_;
};

// The process ends while the consumer runs, so it is never destroyed.
Consumer& consumer() {
  static auto* const kConsumer = new Consumer;
  return *kConsumer;
}

void across(std::size_t size, long units) {
  Consumer& other = consumer();
  for (long i = 0; i < units; ++i) {
    for (int k = 0; k < kRingPairs; ++k) other.give(std::malloc(size));
    other.wait_until_empty();
  }
}

// A thread frees all blocks of a set that this one allocated: no ring, no waiting for each other.
void across_batch(std::size_t size, long units) {
  static std::array<void*, 100'000> blocks{};
  for (long i = 0; i < units; ++i) {
    for (void*& block : blocks) block = std::malloc(size);
    std::thread([] {
      for (void* block : blocks) std::free(block);
    }).join();
  }
}

void new_thread(std::size_t count, long units) {
  for (long i = 0; i < units; ++i) {
    std::thread([count] {
      std::array<void*, kFirstBlocks> blocks{};
      for (std::size_t k = 0; k < count; ++k) blocks[k] = std::malloc(16 + k % 32 * 16);
      keep(blocks.data());
      for (std::size_t k = 0; k < count; ++k) std::free(blocks[k]);
    }).join();
  }
}

constexpr std::array kOperations{
    Operation{"xthread64", across, 64, kRingPairs, kRingPairs, false, false},
    Operation{"xthread256", across, 256, kRingPairs, kRingPairs, false, false},
    Operation{"xthreadbatch64", across_batch, 64, 100'000, 100'000, false, false},
    Operation{"thread0", new_thread, 0, 1, 1000, false, false},
    Operation{"thread64", new_thread, kFirstBlocks, 1, 1000, false, false},
};

}  // namespace

std::span<const Operation> threaded_operations() { return kOperations; }

}  // namespace loam::bench
