// The synthetic workloads: each allocates as one kind of program does, through malloc, calloc, realloc, free,
// new and delete only, from a fixed seed, so that every contestant is asked for exactly the same blocks.
//
// Invariant: a workload touches what it allocates and folds what it reads back into its checksum; the
// checksum of a workload of fixed work is the same under every correct malloc, and the benchmark compares it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

namespace loam::bench {

// xorshift64*: a few instructions, the same numbers everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 1) {}

  std::uint64_t next() {
    state_ ^= state_ >> 12U;
    state_ ^= state_ << 25U;
    state_ ^= state_ >> 27U;
    return state_ * 0x2545f4914f6cdd1dU;
  }
  // Uniform in [0, limit), limit below 2^32.
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>((next() >> 32U) * limit >> 32U); }
  std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }

  // Sizes as programs ask for them: mostly tiny, some hundreds of bytes, rarely a few KiB.
  std::size_t typical_size() {
    const std::size_t kind = below(100);
    if (kind < 60) return between(8, 64);
    if (kind < 85) return between(65, 256);
    if (kind < 96) return between(257, 1024);
    return between(1025, 8192);
  }

 private:
  std::uint64_t state_;
};

struct Result {
  std::uint64_t checksum = 0;
  double operations_per_second = 0;  // only of a workload that runs for a fixed time
};

struct Workload {
  std::string_view name;
  bool is_timed;  // reports a throughput instead of doing fixed work
  std::string_view sentence;
  Result (*run)();
};

std::span<const Workload> small_workloads();
std::span<const Workload> structure_workloads();
std::span<const Workload> large_workloads();
std::span<const Workload> queue_workloads();
std::span<const Workload> thread_workloads();
std::span<const Workload> server_workloads();

// A block whose first and last byte carry a value: the page under both ends is touched and checked.
inline void* take(std::size_t size, std::uint8_t value) {
  auto* block = static_cast<std::uint8_t*>(std::malloc(size));
  if (block == nullptr) std::abort();
  block[0] = value;
  block[size - 1] = value;
  return block;
}

// Frees a block made by take(); returns its value.
inline std::uint64_t give_back(void* block) {
  const std::uint64_t value = *static_cast<std::uint8_t*>(block);
  std::free(block);
  return value;
}

double seconds_now();

// How long a timed workload measures.
inline constexpr double kTimedSeconds = 0.5;

}  // namespace loam::bench
