// What the benchmarks of the library share: the random order of replacements, and objects of a size.
#pragma once

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace loam::bench {

template <std::size_t Bytes>
struct object {
  std::array<unsigned char, Bytes> bytes;
};

// xorshift64* (S. Vigna, 2014): cheap beside what is measured.
class shuffle {
 public:
  std::size_t below(std::size_t bound) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<std::size_t>(static_cast<unsigned __int128>(state_ * 0x2545f4914f6cdd1du) * bound >>
                                    64);
  }

 private:
  std::uint64_t state_ = 88172645463325252u;
};

// The manager as a program meets it: a member or a global, whose words lie in memory. The compiler keeps a local one that nobody else
// knows in registers: of a pair by Boost.Pool nothing was left to measure but the store into the block, of a replacement not even the list.
template <class Manager>
Manager& known_elsewhere(Manager& manager) {
  Manager* known = &manager;
  benchmark::DoNotOptimize(known);
  return *known;
}

// One block again and again. After each, memory may have changed, as it may in a program: Boost's loop was six instructions otherwise, with
// the head of its list in a register.
template <class Take, class Give>
void pair_loop(benchmark::State& state, Take take, Give give) {
  for (auto _ : state) {
    auto* block = take();
    benchmark::DoNotOptimize(block);
    *reinterpret_cast<volatile unsigned char*>(block) = 1;
    give(block);
    benchmark::ClobberMemory();
  }
}

// A thousand blocks, then all of them back, the newest first. Time for one of them.
template <class Take, class Give>
void batch_loop(benchmark::State& state, Take take, Give give) {
  std::vector<decltype(take())> blocks(1000);
  while (state.KeepRunningBatch(1000)) {
    for (auto& block : blocks) block = take();
    benchmark::ClobberMemory();
    for (std::size_t i = blocks.size(); i-- > 0;) give(blocks[i]);
  }
}

// A random one of `live` blocks is given back and another one taken. Each has been written once before, as by any program that makes
// objects: else some would meet the kernel in the measured part, and those that link their blocks beforehand would not.
template <class Take, class Give>
void replace_loop(benchmark::State& state, std::size_t live, Take take, Give give) {
  std::vector<decltype(take())> blocks(live);
  for (auto& block : blocks) {
    block = take();
    *reinterpret_cast<volatile unsigned char*>(block) = 1;
  }
  shuffle random;
  for (auto _ : state) {
    auto& block = blocks[random.below(live)];
    give(block);
    benchmark::ClobberMemory();  // or the block that came back would be handed out without a look at the list
    block = take();
    *reinterpret_cast<volatile unsigned char*>(block) = 1;
  }
  for (auto* block : blocks) give(block);
}

}  // namespace loam::bench
