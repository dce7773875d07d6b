// Pools beside Boost.Pool, foonathan/memory, std::pmr and malloc; one thread, two threads, many live objects.
#include <loam/pool.hpp>
#include <loam/pool_resource.hpp>
#include <loam/shared_pool.hpp>

#include <boost/pool/object_pool.hpp>
#include <boost/pool/pool.hpp>
#include <boost/pool/singleton_pool.hpp>
#include <foonathan/memory/memory_pool.hpp>
#include <memory_resource>

#include "library/managers.hpp"

namespace loam::bench {
namespace {

constexpr std::size_t kLive = 100'000;

enum class loop { pair, batch, replace };

template <loop Which, class Take, class Give>
void run(benchmark::State& state, Take take, Give give) {
  if constexpr (Which == loop::pair) pair_loop(state, take, give);
  if constexpr (Which == loop::batch) batch_loop(state, take, give);
  if constexpr (Which == loop::replace) replace_loop(state, kLive, take, give);
}

template <loop Which, std::size_t Bytes>
void loam_pool(benchmark::State& state) {
  pool<object<Bytes>> own;
  auto& objects = known_elsewhere(own);
  run<Which>(state, [&] { return objects.allocate(); }, [&](auto* block) { objects.deallocate(block); });
}
// A thousand blocks in one call, and back in another.
void loam_pool_span(benchmark::State& state) {
  pool<object<64>> own;
  auto& objects = known_elsewhere(own);
  std::vector<object<64>*> blocks(1000);
  while (state.KeepRunningBatch(1000)) {
    objects.allocate(std::span<object<64>*>(blocks));
    benchmark::ClobberMemory();
    objects.deallocate(std::span<object<64>* const>(blocks));
  }
}
template <loop Which, std::size_t Bytes>
void boost_pool(benchmark::State& state) {
  boost::pool<> own(Bytes);
  auto& blocks = known_elsewhere(own);
  run<Which>(
      state, [&] { return static_cast<object<Bytes>*>(blocks.malloc()); },
      [&](auto* block) { blocks.free(block); });
}
template <loop Which, std::size_t Bytes>
void foonathan_pool(benchmark::State& state) {
  foonathan::memory::memory_pool<> own(Bytes, std::size_t{1} << 16);
  auto& blocks = known_elsewhere(own);
  run<Which>(
      state, [&] { return static_cast<object<Bytes>*>(blocks.allocate_node()); },
      [&](auto* block) { blocks.deallocate_node(block); });
}
template <class Resource, loop Which, std::size_t Bytes>
void resource(benchmark::State& state) {
  Resource concrete;
  std::pmr::memory_resource* memory = &concrete;
  benchmark::DoNotOptimize(memory);  // or the compiler sees through the virtual call
  run<Which>(
      state, [&] { return static_cast<object<Bytes>*>(memory->allocate(Bytes)); },
      [&](auto* block) { memory->deallocate(block, Bytes); });
}
template <loop Which, std::size_t Bytes>
void malloc_free(benchmark::State& state) {
  run<Which>(
      state, [&] { return static_cast<object<Bytes>*>(std::malloc(Bytes)); },
      [&](auto* block) { std::free(block); });
}

// What is left of a pair when a resource does nothing: two virtual calls.
class idle_resource final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t, std::size_t) override { return &block_; }
  void do_deallocate(void*, std::size_t, std::size_t) override {}
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
  object<64> block_{};
};

using unsynchronized = std::pmr::unsynchronized_pool_resource;

#define LOAM_SIZES(name)              \
  BENCHMARK(name<loop::pair, 64>);    \
  BENCHMARK(name<loop::batch, 64>);   \
  BENCHMARK(name<loop::replace, 16>); \
  BENCHMARK(name<loop::replace, 64>); \
  BENCHMARK(name<loop::replace, 256>)
#define LOAM_RESOURCE_SIZES(type)               \
  BENCHMARK(resource<type, loop::pair, 64>);    \
  BENCHMARK(resource<type, loop::batch, 64>);   \
  BENCHMARK(resource<type, loop::replace, 16>); \
  BENCHMARK(resource<type, loop::replace, 64>); \
  BENCHMARK(resource<type, loop::replace, 256>)
LOAM_SIZES(loam_pool);
BENCHMARK(loam_pool_span);
LOAM_SIZES(boost_pool);
LOAM_SIZES(foonathan_pool);
LOAM_RESOURCE_SIZES(pool_resource);
LOAM_RESOURCE_SIZES(unsynchronized);
BENCHMARK(resource<idle_resource, loop::pair, 64>);
LOAM_SIZES(malloc_free);

// 64 objects of 64 bytes a thread, a random one replaced.
constexpr std::size_t kShared = 64;
using small = object<64>;

void shared_loam(benchmark::State& state) {
  static shared_pool<small> own;
  auto& objects = known_elsewhere(own);
  replace_loop(
      state, kShared, [&] { return objects.allocate(); }, [&](small* block) { objects.deallocate(block); });
}
void shared_boost_singleton(benchmark::State& state) {
  struct tag;
  using blocks = boost::singleton_pool<tag, sizeof(small)>;
  replace_loop(
      state, kShared, [] { return static_cast<small*>(blocks::malloc()); },
      [](small* block) { blocks::free(block); });
}
void shared_pmr(benchmark::State& state) {
  static std::pmr::synchronized_pool_resource memory;
  replace_loop(
      state, kShared, [&] { return static_cast<small*>(memory.allocate(sizeof(small))); },
      [&](small* block) { memory.deallocate(block, sizeof(small)); });
}
void shared_malloc(benchmark::State& state) {
  replace_loop(
      state, kShared, [] { return static_cast<small*>(std::malloc(sizeof(small))); },
      [](small* block) { std::free(block); });
}
BENCHMARK(shared_loam)->Threads(1)->Threads(2);
BENCHMARK(shared_boost_singleton)->Threads(1)->Threads(2);
BENCHMARK(shared_pmr)->Threads(1)->Threads(2);
BENCHMARK(shared_malloc)->Threads(1)->Threads(2);

// An object with a destructor, one of 16,000.
struct counted {
  ~counted() { benchmark::DoNotOptimize(this); }
  std::uint64_t words[4];
};
void object_of_16000_loam(benchmark::State& state) {
  pool<counted> own;
  auto& objects = known_elsewhere(own);
  replace_loop(state, 16'000, [&] { return objects.make(); }, [&](counted* object) { objects.free(object); });
}
void object_of_16000_boost(benchmark::State& state) {
  boost::object_pool<counted> own;
  auto& objects = known_elsewhere(own);
  replace_loop(
      state, 16'000, [&] { return objects.construct(); }, [&](counted* object) { objects.destroy(object); });
}
BENCHMARK(object_of_16000_loam);
BENCHMARK(object_of_16000_boost);

}  // namespace
}  // namespace loam::bench
