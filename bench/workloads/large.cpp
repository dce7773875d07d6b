// Medium and large blocks, growth by realloc, and a heap whose phases leave holes.
#include <array>
#include <vector>

#include "workloads/workload.hpp"

namespace loam::bench {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = kKiB * kKiB;
constexpr std::size_t kPage = 4 * kKiB;

std::uint64_t touch(std::uint8_t* block, std::size_t size, std::uint8_t value) {
  std::uint64_t sum = 0;
  for (std::size_t offset = 0; offset < size; offset += kPage) {
    block[offset] = value;
    sum += block[offset];
  }
  return sum;
}

std::uint8_t* allocate(std::size_t size) {
  auto* block = static_cast<std::uint8_t*>(std::malloc(size));
  if (block == nullptr) std::abort();
  return block;
}

// One byte in each 64 of the bytes that a growth has added; what was there before has to survive it.
void write_lines(std::uint8_t* block, std::size_t from, std::size_t to) {
  for (std::size_t i = (from + 63) / 64 * 64; i < to; i += 64) block[i] = static_cast<std::uint8_t>(from);
}

// Buffers of 4 to 64 KiB, sixty of them live: input and output of a server.
Result medium() {
  constexpr long kOperations = 1'800'000;
  constexpr std::size_t kLive = 60;
  Random random(21);
  std::array<std::uint8_t*, kLive> live{};
  Result result;
  for (long i = 0; i < kOperations; ++i) {
    std::uint8_t*& block = live[random.below(kLive)];
    std::free(block);
    const std::size_t size = random.between(4 * kKiB, 64 * kKiB);
    block = allocate(size);
    result.checksum += touch(block, size, static_cast<std::uint8_t>(i));
  }
  for (std::uint8_t* block : live) std::free(block);
  return result;
}

// Blocks of 1 to 64 MiB, touched, freed, taken again: images, matrices, files read whole.
Result large() {
  constexpr int kOperations = 130;
  constexpr std::size_t kLive = 4;
  Random random(22);
  std::array<std::uint8_t*, kLive> live{};
  Result result;
  for (int i = 0; i < kOperations; ++i) {
    std::uint8_t*& block = live[random.below(kLive)];
    std::free(block);
    const std::size_t size = random.between(1, std::size_t{1} << random.below(7)) * kMiB;
    block = allocate(size);
    result.checksum += touch(block, size, static_cast<std::uint8_t>(i));
  }
  for (std::uint8_t* block : live) std::free(block);
  return result;
}

// One buffer at a time grows from 16 bytes to 256 KiB by half its size, as vectors and string builders do.
Result realloc_lone() {
  constexpr int kChains = 40'000;
  Result result;
  for (int chain = 0; chain < kChains; ++chain) {
    std::uint8_t* block = allocate(16);
    std::size_t size = 16;
    while (size < 256 * kKiB) {
      const std::size_t larger = size + size / 2;
      block = static_cast<std::uint8_t*>(std::realloc(block, larger));
      if (block == nullptr) std::abort();
      write_lines(block, size, larger);
      size = larger;
    }
    result.checksum += block[size / 128 * 64];
    std::free(block);
  }
  return result;
}

// Eight buffers grow in turns, so that the space behind each is taken by another.
Result realloc_interleaved() {
  constexpr int kRounds = 700;
  constexpr std::size_t kChains = 8;
  Result result;
  for (int round = 0; round < kRounds; ++round) {
    std::array<std::uint8_t*, kChains> blocks{};
    for (std::size_t size = 16, larger = 16; size < 256 * kKiB; size = larger) {
      larger = size + size / 2;
      for (std::uint8_t*& block : blocks) {
        block = static_cast<std::uint8_t*>(std::realloc(block, larger));
        if (block == nullptr) std::abort();
        write_lines(block, size, larger);
      }
    }
    for (std::uint8_t* block : blocks) {
      result.checksum += block[64 * kKiB];
      std::free(block);
    }
  }
  return result;
}

// Each phase fills the heap with blocks of its own size and frees all but every tenth before the next begins.
Result phases() {
  constexpr std::array<std::size_t, 8> kSizes{24, 200, 48, 1100, 96, 5000, 400, 32};
  constexpr std::size_t kBytesPerPhase = 24 * kMiB;
  Result result;
  std::vector<void*> kept;
  for (const std::size_t size : kSizes) {
    std::vector<void*> blocks(kBytesPerPhase / size);
    for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = take(size, static_cast<std::uint8_t>(i));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i % 10 == 0) {
        kept.push_back(blocks[i]);
      } else {
        result.checksum += give_back(blocks[i]);
      }
    }
  }
  for (void* block : kept) result.checksum += give_back(block);
  return result;
}

constexpr std::array kWorkloads{
    Workload{"medium", false, "buffers of 4 to 64 KiB, touched, sixty live", medium},
    Workload{"large", false, "blocks of 1 to 64 MiB, touched, four live", large},
    Workload{"realloc-lone", false, "one buffer at a time grown from 16 bytes to 256 KiB", realloc_lone},
    Workload{"realloc-interleaved", false, "eight buffers grown in turns to 256 KiB", realloc_interleaved},
    Workload{"phases", false, "phases of one size each that leave every tenth block behind", phases},
};

}  // namespace

std::span<const Workload> large_workloads() { return kWorkloads; }

}  // namespace loam::bench
