// Blocks allocated by one thread and freed by another, in one direction.
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "workloads/workload.hpp"

namespace loam::bench {
namespace {

using Batch = std::vector<void*>;

// A mailbox of at most four batches under a lock, as job queues are.
class Mailbox {
 public:
  void put(Batch batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return batches_.size() < 4; });
    batches_.push_back(std::move(batch));
    changed_.notify_all();
  }
  Batch get() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !batches_.empty(); });
    Batch batch = std::move(batches_.front());
    batches_.erase(batches_.begin());
    changed_.notify_all();
    return batch;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Batch> batches_;
};

Result producer_batches() {
  constexpr int kBatches = 12000;
  Mailbox mailbox;
  std::uint64_t sum = 0;
  std::thread consumer([&] {
    for (;;) {
      Batch batch = mailbox.get();
      if (batch.empty()) break;
      for (void* block : batch) sum += give_back(block);
    }
  });
  Random random(31);
  for (int i = 0; i < kBatches; ++i) {
    Batch batch(random.between(100, 1000));
    for (void*& block : batch) block = take(random.between(16, 400), static_cast<std::uint8_t>(i));
    mailbox.put(std::move(batch));
  }
  mailbox.put({});
  consumer.join();
  return {sum, 0};
}

// A ring of 4096 slots without a lock. Both sides spin, so the work is measured as throughput.
class Ring {
 public:
  bool try_put(void* block) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) == kSlots) return false;
    slots_[head % kSlots] = block;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  void* try_get() {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return nullptr;
    void* block = slots_[tail % kSlots];
    tail_.store(tail + 1, std::memory_order_release);
    return block;
  }

 private:
  static constexpr std::size_t kSlots = 4096;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::array<void*, kSlots> slots_{};
};

Result producer_ring() {
  Ring ring;
  std::atomic<bool> is_over{false};
  std::uint64_t freed = 0;
  std::thread consumer([&] {
    for (;;) {
      void* block = ring.try_get();
      if (block != nullptr) {
        std::free(block);
        ++freed;
      } else if (is_over.load(std::memory_order_acquire)) {
        break;
      } else {
        std::this_thread::yield();
      }
    }
  });
  Random random(32);
  const double start = seconds_now();
  while (seconds_now() - start < kTimedSeconds) {
    for (int i = 0; i < 1000; ++i) {
      void* block = take(32 + (random.next() >> 58U), 1);
      while (!ring.try_put(block)) std::this_thread::yield();
    }
  }
  is_over.store(true, std::memory_order_release);
  consumer.join();
  return {0, static_cast<double>(freed) / (seconds_now() - start)};
}

// A thread that never allocates frees what the main thread allocates; the live set stays at some thousand
// blocks.
Result free_only() {
  constexpr int kRounds = 10000;
  constexpr std::size_t kBlocks = 500;
  Mailbox mailbox;
  std::uint64_t sum = 0;
  std::thread consumer([&] {
    for (int round = 0; round < kRounds; ++round) {
      for (void* block : mailbox.get()) sum += give_back(block);
    }
  });
  Random random(33);
  for (int round = 0; round < kRounds; ++round) {
    Batch batch(kBlocks);
    for (void*& block : batch) block = take(random.typical_size(), static_cast<std::uint8_t>(round));
    mailbox.put(std::move(batch));
  }
  consumer.join();
  return {sum, 0};
}

constexpr std::array kWorkloads{
    Workload{"producer-batches", false, "batches of blocks handed to a second thread that frees them",
             producer_batches},
    Workload{"producer-ring", true, "blocks of 32 to 95 bytes through a ring to a second thread",
             producer_ring},
    Workload{"free-only", false, "a thread that only frees, blocks of typical sizes", free_only},
};

}  // namespace

std::span<const Workload> queue_workloads() { return kWorkloads; }

}  // namespace loam::bench
