// Arenas beside a bump pointer written by hand, std::pmr and foonathan/memory.
#include <alloca.h>
#include <loam/arena.hpp>

#include <foonathan/memory/memory_stack.hpp>
#include <foonathan/memory/temporary_allocator.hpp>
#include <memory>
#include <memory_resource>

#include "library/managers.hpp"

namespace loam::bench {
namespace {

constexpr std::size_t kBlocks = 1000;

// What one writes oneself: a buffer, a pointer, a test.
class hand_bump {
 public:
  void* allocate(std::size_t bytes) {
    bytes = (bytes + 15) & ~std::size_t{15};
    if (bytes > static_cast<std::size_t>(end_ - at_)) std::abort();
    void* block = at_;
    at_ += bytes;
    return block;
  }
  void reset() { at_ = start_.get(); }

 private:
  static constexpr std::size_t kBytes = std::size_t{1} << 20;
  std::unique_ptr<std::byte[]> start_ = std::make_unique<std::byte[]>(kBytes);
  std::byte* at_ = start_.get();
  std::byte* end_ = at_ + kBytes;
};

// A thousand blocks of a size that the compiler does not know, then all back. Time for one of them.
template <class Allocate, class Reset>
void fill(benchmark::State& state, Allocate allocate, Reset reset) {
  auto bytes = static_cast<std::size_t>(state.range(0));
  while (state.KeepRunningBatch(kBlocks)) {
    for (std::size_t i = 0; i < kBlocks; ++i) {
      benchmark::DoNotOptimize(bytes);
      void* block = allocate(bytes);
      benchmark::DoNotOptimize(block);
    }
    reset();
  }
}

void fill_hand(benchmark::State& state) {
  hand_bump own;
  auto& memory = known_elsewhere(own);
  fill(state, [&](std::size_t bytes) { return memory.allocate(bytes); }, [&] { memory.reset(); });
}
void fill_loam(benchmark::State& state) {
  arena own(std::size_t{1} << 20);
  auto& memory = known_elsewhere(own);
  fill(state, [&](std::size_t bytes) { return memory.allocate(bytes); }, [&] { memory.reset(); });
}
void fill_pmr(benchmark::State& state) {
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  std::pmr::monotonic_buffer_resource own(buffer.data(), buffer.size());
  auto& memory = known_elsewhere(own);
  fill(state, [&](std::size_t bytes) { return memory.allocate(bytes); }, [&] { memory.release(); });
}
void fill_foonathan(benchmark::State& state) {
  foonathan::memory::memory_stack<> own(std::size_t{1} << 20);
  auto& memory = known_elsewhere(own);
  const auto start = memory.top();
  fill(state, [&](std::size_t bytes) { return memory.allocate(bytes, 16); }, [&] { memory.unwind(start); });
}
void fill_malloc(benchmark::State& state) {
  std::vector<void*> blocks(kBlocks);
  std::size_t count = 0;
  fill(
      state, [&](std::size_t bytes) { return blocks[count++] = std::malloc(bytes); },
      [&] {
        while (count > 0) std::free(blocks[--count]);
      });
}
BENCHMARK(fill_hand)->Arg(32)->Arg(64);
BENCHMARK(fill_loam)->Arg(32)->Arg(64);
BENCHMARK(fill_pmr)->Arg(32)->Arg(64);
BENCHMARK(fill_foonathan)->Arg(32)->Arg(64);
BENCHMARK(fill_malloc)->Arg(32)->Arg(64);

// 64 bytes of temporary memory in a function: made, used, dropped.
void drop_inline_arena(benchmark::State& state) {
  for (auto _ : state) {
    inline_arena<128> memory;
    void* block = memory.allocate(64);
    benchmark::DoNotOptimize(block);
  }
}
void drop_pmr_buffer(benchmark::State& state) {
  for (auto _ : state) {
    alignas(16) std::byte buffer[128];
    std::pmr::monotonic_buffer_resource memory(buffer, sizeof buffer);
    void* block = memory.allocate(64);
    benchmark::DoNotOptimize(block);
  }
}
void drop_scratch(benchmark::State& state) {
  for (auto _ : state) {
    scratch memory;
    void* block = memory.allocate(64);
    benchmark::DoNotOptimize(block);
  }
}
void drop_foonathan_temporary(benchmark::State& state) {
  for (auto _ : state) {
    foonathan::memory::temporary_allocator memory;
    void* block = memory.allocate(64, 16);
    benchmark::DoNotOptimize(block);
  }
}
void drop_local_array(benchmark::State& state) {
  for (auto _ : state) {
    std::byte block[64];
    benchmark::DoNotOptimize(block);
  }
}
void drop_malloc(benchmark::State& state) {
  for (auto _ : state) {
    void* block = std::malloc(64);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(drop_local_array);
BENCHMARK(drop_inline_arena);
BENCHMARK(drop_scratch);
BENCHMARK(drop_pmr_buffer);
BENCHMARK(drop_foonathan_temporary);
BENCHMARK(drop_malloc);

}  // namespace
}  // namespace loam::bench
