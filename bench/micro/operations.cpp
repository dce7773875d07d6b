#include "micro/operations.hpp"

#include <malloc.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace loam::bench {
namespace {

constexpr int kBatch = 100;
constexpr int kChains = 8;
constexpr int kReplaceSlots = 1000;

void loop(std::size_t size, long units) {
  for (long i = 0; i < units; ++i) {
    mark_unit();
    asm volatile("" : : "r"(size));
  }
  mark_end();
}

// A program that allocates a size has other live blocks of it. Without one the timed pair would empty its
// page each time and measure the special case of a page that becomes free.
class Neighbour {
 public:
  explicit Neighbour(std::size_t size) : block_(std::malloc(size)) { keep(block_); }
  ~Neighbour() { std::free(block_); }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  void* block_;
};

void pair(std::size_t size, long units) {
  const Neighbour neighbour(size);
  for (long i = 0; i < units; ++i) {
    mark_unit();
    void* block = std::malloc(size);
    keep(block);
    std::free(block);
  }
  mark_end();
}

void new_delete(std::size_t size, long units) {
  const Neighbour neighbour(size);
  for (long i = 0; i < units; ++i) {
    mark_unit();
    void* block = ::operator new(size);
    keep(block);
    ::operator delete(block, size);
  }
  mark_end();
}

void cleared(std::size_t size, long units) {
  const Neighbour neighbour(size);
  for (long i = 0; i < units; ++i) {
    mark_unit();
    void* block = std::calloc(1, size);
    keep(block);
    std::free(block);
  }
  mark_end();
}

void batch_lifo(std::size_t size, long units) {
  const Neighbour neighbour(size);
  std::array<void*, kBatch> blocks{};
  for (long i = 0; i < units; ++i) {
    mark_unit();
    for (void*& block : blocks) block = std::malloc(size);
    keep(blocks.data());
    for (int k = kBatch - 1; k >= 0; --k) std::free(blocks[static_cast<std::size_t>(k)]);
  }
  mark_end();
}

void batch_fifo(std::size_t size, long units) {
  const Neighbour neighbour(size);
  std::array<void*, kBatch> blocks{};
  for (long i = 0; i < units; ++i) {
    mark_unit();
    for (void*& block : blocks) block = std::malloc(size);
    keep(blocks.data());
    for (void* block : blocks) std::free(block);
  }
  mark_end();
}

// One block of a fixed set replaced by one of another size (16 to 512), the slot and the size from a cheap
// generator.
void replace(std::size_t slots, long units) {
  static std::array<void*, std::size_t{100} * kReplaceSlots> blocks{};
  static std::uint64_t state = 88172645463325252U;
  for (std::size_t slot = 0; slot < slots && blocks[slot] == nullptr; ++slot)
    blocks[slot] = std::malloc(16 + slot % 32 * 16);
  for (long i = 0; i < units; ++i) {
    mark_unit();
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    const std::size_t slot = (state >> 32U) * slots >> 32U;
    std::free(blocks[slot]);
    blocks[slot] = std::malloc(16 + (state & 496U));
    keep(blocks[slot]);
  }
  mark_end();
}

// 16 bytes to `size` by doubling.
void realloc_lone(std::size_t size, long units) {
  for (long i = 0; i < units; ++i) {
    mark_unit();
    void* block = std::malloc(16);
    for (std::size_t bytes = 32; bytes <= size; bytes *= 2) {
      block = std::realloc(block, bytes);
      keep(block);
    }
    std::free(block);
  }
  mark_end();
}

void realloc_interleaved(std::size_t size, long units) {
  std::array<void*, kChains> blocks{};
  for (long i = 0; i < units; ++i) {
    mark_unit();
    for (void*& block : blocks) block = std::malloc(16);
    for (std::size_t bytes = 32; bytes <= size; bytes *= 2) {
      for (void*& block : blocks) block = std::realloc(block, bytes);
      keep(blocks.data());
    }
    for (void* block : blocks) std::free(block);
  }
  mark_end();
}

// One byte in each page of 4 KiB is written: what a large block costs that is used and given back.
void touch(std::size_t size, long units) {
  for (long i = 0; i < units; ++i) {
    mark_unit();
    auto* block = static_cast<volatile char*>(std::malloc(size));
    for (std::size_t at = 0; at < size; at += 4096) block[at] = 1;
    std::free(const_cast<char*>(block));
  }
  mark_end();
}

constexpr std::array kOperations{
    Operation{"loop", loop, 0, 1, 1, true, true},
    Operation{"pair16", pair, 16, 1, 1, true, true},
    Operation{"pair64", pair, 64, 1, 1, true, true},
    Operation{"pair256", pair, 256, 1, 1, true, true},
    Operation{"pair1024", pair, 1024, 1, 1, true, true},
    Operation{"pair4096", pair, 4096, 1, 1, true, true},
    Operation{"pair32768", pair, 32768, 1, 1, true, true},
    Operation{"newdel32", new_delete, 32, 1, 1, true, true},
    Operation{"calloc64", cleared, 64, 1, 1, true, true},
    Operation{"batchlifo16", batch_lifo, 16, kBatch, kBatch, false, true},
    Operation{"batchlifo64", batch_lifo, 64, kBatch, kBatch, false, true},
    Operation{"batchlifo256", batch_lifo, 256, kBatch, kBatch, false, true},
    Operation{"batchfifo16", batch_fifo, 16, kBatch, kBatch, false, true},
    Operation{"batchfifo64", batch_fifo, 64, kBatch, kBatch, false, true},
    Operation{"batchfifo256", batch_fifo, 256, kBatch, kBatch, false, true},
    Operation{"replace1k", replace, kReplaceSlots, 1, 1, false, true},
    Operation{"replace100k", replace, std::size_t{100} * kReplaceSlots, 1, 1, false, true},
    Operation{"realloc64k", realloc_lone, std::size_t{64} << 10U, 1, 50, false, true},
    Operation{"realloc64k-8", realloc_interleaved, std::size_t{64} << 10U, kChains, 400, false, true},
    Operation{"touch1m", touch, std::size_t{1} << 20U, 1, 100, false, false},
    Operation{"touch8m", touch, std::size_t{8} << 20U, 1, 100, false, false},
    Operation{"touch64m", touch, std::size_t{64} << 20U, 1, 100, false, false},
};

}  // namespace

std::span<const Operation> plain_operations() { return kOperations; }

std::vector<Operation> operations() {
  std::vector<Operation> all(plain_operations().begin(), plain_operations().end());
  all.insert(all.end(), threaded_operations().begin(), threaded_operations().end());
  return all;
}

const Operation* find_operation(std::string_view name) {
  for (const auto list : {plain_operations(), threaded_operations()}) {
    for (const Operation& operation : list) {
      if (operation.name == name) return &operation;
    }
  }
  return nullptr;
}

double slack_after_chain(std::size_t size) {
  void* block = std::malloc(16);
  for (std::size_t bytes = 32; bytes <= size; bytes *= 2) {
    block = std::realloc(block, bytes);
    if (block == nullptr) std::abort();
  }
  const double usable = static_cast<double>(malloc_usable_size(block));
  std::free(block);
  return usable / static_cast<double>(size) - 1;
}

}  // namespace loam::bench
