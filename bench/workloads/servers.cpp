// Servers: sets of blocks that wander from thread to thread while threads end and begin.
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "workloads/workload.hpp"

namespace loam::bench {
namespace {

// After the server of Larson and Krishnan (1998): each thread replaces random blocks of its set; now and then
// it ends and hands the whole set to a fresh thread.
constexpr std::size_t kSetSize = 5000;
constexpr long kOperationsPerLife = 200'000;

using BlockSet = std::vector<void*>;

void live_one_life(BlockSet& set, Random& random) {
  for (long i = 0; i < kOperationsPerLife; ++i) {
    void*& block = set[random.below(kSetSize)];
    std::free(block);
    block = take(random.between(8, 1000), 1);
  }
}

Result server() {
  constexpr int kThreads = 2;
  std::atomic<std::uint64_t> operations{0};
  std::array<BlockSet, kThreads> sets;
  for (BlockSet& set : sets) {
    set.resize(kSetSize);
    for (void*& block : set) block = take(500, 1);
  }
  const double start = seconds_now();
  std::vector<std::thread> chains;
  chains.reserve(kThreads);
  for (std::size_t t = 0; t < kThreads; ++t) {
    chains.emplace_back([&, t] {
      Random random(61 + t);
      while (seconds_now() - start < kTimedSeconds) {
        std::thread([&] { live_one_life(sets[t], random); }).join();
        operations += kOperationsPerLife;
      }
    });
  }
  for (std::thread& chain : chains) chain.join();
  const double elapsed = seconds_now() - start;
  for (BlockSet& set : sets) {
    for (void* block : set) std::free(block);
  }
  return {0, static_cast<double>(operations.load()) / elapsed};
}

// Eight threads at a time fill and empty sets of linked blocks, pass some through shared slots to whoever
// comes, and end.
struct Item {
  Item* next;
  std::uint64_t value;
};

constexpr std::size_t kTransferSlots = 500;
using Transfer = std::array<std::atomic<Item*>, kTransferSlots>;

Item* make_item(Random& random) {
  const std::size_t bytes = random.below(1000) == 0 ? random.between(4096, 65536) : random.between(16, 512);
  auto* item = static_cast<Item*>(take(bytes, 0));
  item->value = bytes;
  item->next = nullptr;
  return item;
}

void free_chain(Item* item) {
  while (item != nullptr) {
    Item* next = item->next;
    std::free(item);
    item = next;
  }
}

void stress(std::uint64_t seed, Transfer& transfer) {
  constexpr int kOperations = 7000;
  Random random(seed);
  std::vector<Item*> retained(400, nullptr);
  for (int i = 0; i < kOperations; ++i) {
    Item*& slot = retained[random.below(retained.size())];
    const std::size_t dice = random.below(100);
    if (dice < 50) {
      Item* item = make_item(random);
      item->next = slot;
      slot = item;
    } else if (dice < 75) {
      free_chain(slot);
      slot = nullptr;
    } else {
      slot = transfer[random.below(kTransferSlots)].exchange(slot);
    }
  }
  for (Item* item : retained) free_chain(item);
}

Result generations() {
  constexpr std::uint64_t kGenerations = 150;
  constexpr std::uint64_t kThreads = 8;
  Transfer transfer{};
  for (std::uint64_t generation = 0; generation < kGenerations; ++generation) {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (std::uint64_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] { stress(generation * kThreads + t + 71, transfer); });
    }
    for (std::thread& thread : threads) thread.join();
    if (generation % 4 != 0) continue;
    for (auto& slot : transfer) free_chain(slot.exchange(nullptr));
  }
  for (auto& slot : transfer) free_chain(slot.exchange(nullptr));
  return {kGenerations * kThreads, 0};
}

constexpr std::array kWorkloads{
    Workload{"server", true, "two threads with 5,000 blocks each, sets handed on as threads end", server},
    Workload{"generations", false, "150 generations of eight threads that exchange chains of blocks",
             generations},
};

}  // namespace

std::span<const Workload> server_workloads() { return kWorkloads; }

}  // namespace loam::bench
