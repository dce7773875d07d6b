// What any implementation must do for the same call, and nothing else: no check, no growth, no second case. Each stands in the same loop as
// what it is the floor of, so that the difference is what the checks cost; where the floor misses a wanted figure, the machine does.
#include <loam/pool.hpp>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <memory_resource>

#include "library/managers.hpp"

namespace loam::bench {
namespace {

constexpr std::size_t kLive = 100'000;

// A block given back is the next one that is taken: a word stored, a word loaded. Blocks come from a pool, so that they lie as its do.
template <std::size_t Bytes>
class spare {
 public:
  using block = object<Bytes>;
  block* take() {
    block* const found = spare_;
    if (found == nullptr) [[unlikely]]
      return blocks_.allocate();
    spare_ = nullptr;
    return found;
  }
  void give(block* back) { spare_ = back; }

 private:
  block* spare_ = nullptr;
  pool<block> blocks_;
};

void floor_pair(benchmark::State& state) {
  spare<64> own;
  auto& blocks = known_elsewhere(own);
  pair_loop(state, [&] { return blocks.take(); }, [&](auto* block) { blocks.give(block); });
}
template <std::size_t Bytes>
void floor_replace(benchmark::State& state) {
  spare<Bytes> own;
  auto& blocks = known_elsewhere(own);
  replace_loop(state, kLive, [&] { return blocks.take(); }, [&](auto* block) { blocks.give(block); });
}
BENCHMARK(floor_pair);
BENCHMARK(floor_replace<16>);
BENCHMARK(floor_replace<64>);
BENCHMARK(floor_replace<256>);

// The same behind the interface of std::pmr.
template <std::size_t Bytes>
class spare_resource final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t, std::size_t) override { return blocks_.take(); }
  void do_deallocate(void* block, std::size_t, std::size_t) override {
    blocks_.give(static_cast<object<Bytes>*>(block));
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
  spare<Bytes> blocks_;
};
template <std::size_t Bytes>
void with_resource(auto loop) {
  spare_resource<Bytes> concrete;
  std::pmr::memory_resource* memory = &concrete;
  benchmark::DoNotOptimize(memory);
  loop([&] { return static_cast<object<Bytes>*>(memory->allocate(Bytes)); },
       [&](auto* block) { memory->deallocate(block, Bytes); });
}
void floor_resource_pair(benchmark::State& state) {
  with_resource<64>([&](auto take, auto give) { pair_loop(state, take, give); });
}
// Two calls that are not inlined and do nothing: what is left of a pair without the virtual table.
[[gnu::noinline]] object<64>* call_to_take(object<64>* block) {
  benchmark::DoNotOptimize(block);
  return block;
}
[[gnu::noinline]] void call_to_give(object<64>* block) { benchmark::DoNotOptimize(block); }
void floor_called_pair(benchmark::State& state) {
  object<64> block{};
  pair_loop(state, [&] { return call_to_take(&block); }, call_to_give);
}
BENCHMARK(floor_called_pair);
template <std::size_t Bytes>
void floor_resource_replace(benchmark::State& state) {
  with_resource<Bytes>([&](auto take, auto give) { replace_loop(state, kLive, take, give); });
}
BENCHMARK(floor_resource_pair);
BENCHMARK(floor_resource_replace<16>);
BENCHMARK(floor_resource_replace<64>);
BENCHMARK(floor_resource_replace<256>);

// The least that sees a double free and a foreign pointer whatever the program has written: one range of memory, a byte outside of it for
// each block, a list in the blocks.
class checked_list {
 public:
  using block = object<64>;
  static constexpr std::size_t kBlocks = 4'096;

  checked_list() {
    for (std::size_t i = kBlocks; i-- > 0;) push(&memory_[i]);
  }
  block* take() {
    link* const found = first_;
    first_ = found->next;
    live_[static_cast<std::size_t>(reinterpret_cast<block*>(found) - memory_.get())] = state::live;
    return reinterpret_cast<block*>(found);
  }
  void give(block* back) {
    const std::size_t offset =
        reinterpret_cast<std::uintptr_t>(back) - reinterpret_cast<std::uintptr_t>(memory_.get());
    const std::size_t index = offset / sizeof(block);
    if (index >= kBlocks || offset % sizeof(block) != 0 || live_[index] != state::live) [[unlikely]]
      std::abort();
    live_[index] = state::free;
    push(back);
  }

 private:
  enum class state : std::uint8_t { free, live };
  struct link {
    link* next;
  };
  void push(block* free) {
    auto* const fresh = reinterpret_cast<link*>(free);
    fresh->next = first_;
    first_ = fresh;
  }
  link* first_ = nullptr;
  std::unique_ptr<block[]> memory_ = std::make_unique<block[]>(kBlocks);
  std::unique_ptr<state[]> live_ = std::make_unique<state[]>(kBlocks);
};
void floor_checked_batch(benchmark::State& state) {
  checked_list own;
  auto& blocks = known_elsewhere(own);
  batch_loop(state, [&] { return blocks.take(); }, [&](auto* block) { blocks.give(block); });
}
void floor_checked_pair(benchmark::State& state) {
  checked_list own;
  auto& blocks = known_elsewhere(own);
  pair_loop(state, [&] { return blocks.take(); }, [&](auto* block) { blocks.give(block); });
}
BENCHMARK(floor_checked_batch);
BENCHMARK(floor_checked_pair);

// 64 objects a thread: a spare block in thread-local memory, no question asked.
[[gnu::tls_model("initial-exec")]] constinit thread_local object<64>* spare_of_thread = nullptr;
void floor_shared(benchmark::State& state) {
  pool<object<64>> more;
  replace_loop(
      state, 64,
      [&] {
        object<64>* const found = spare_of_thread;
        if (found == nullptr) [[unlikely]]
          return more.allocate();
        spare_of_thread = nullptr;
        return found;
      },
      [](object<64>* block) { spare_of_thread = block; });
  spare_of_thread = nullptr;
}
BENCHMARK(floor_shared)->Threads(1)->Threads(2);

// A copy and its end: the pointer, two additions to one word, each after the question whose thread this is, and a test for the last.
[[gnu::tls_model("initial-exec")]] constinit thread_local std::uint32_t number_of_thread = 1;
struct count {
  std::uint32_t owner = 1;
  std::uint32_t references = 1;
};
[[gnu::noinline]] void another_case(count& of) { benchmark::DoNotOptimize(of.owner); }
class reference {
 public:
  explicit reference(count* of) : of_(of) { ask(); }
  reference(const reference& other) : of_(other.of_) {
    ask();
    ++of_->references;
  }
  ~reference() {
    ask();
    if (--of_->references == 0) [[unlikely]]
      another_case(*of_);
  }

 private:
  void ask() {
    if (of_->owner != number_of_thread) [[unlikely]]
      another_case(*of_);
  }
  count* of_;
};
void floor_rc_owner(benchmark::State& state) {
  count own;
  benchmark::DoNotOptimize(number_of_thread);  // or it would be a constant
  reference one(&known_elsewhere(own));
  const reference& held = known_elsewhere(one);
  for (auto _ : state) {
    reference copy = held;
    benchmark::DoNotOptimize(copy);
  }
}
void floor_rc_another(benchmark::State& state) {
  std::atomic<std::uint32_t> own{1};
  auto& references = known_elsewhere(own);
  for (auto _ : state) {
    references.fetch_add(1, std::memory_order_relaxed);
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) [[unlikely]]
      benchmark::DoNotOptimize(references);
  }
}
BENCHMARK(floor_rc_owner);
BENCHMARK(floor_rc_another);

// Where the buffer starts and ends, two words, and the block; nothing remembered for the end.
void floor_inline_arena(benchmark::State& state) {
  for (auto _ : state) {
    struct {
      std::uintptr_t at;
      std::uintptr_t end;
      alignas(16) std::byte buffer[128];
    } memory;
    memory.at = reinterpret_cast<std::uintptr_t>(memory.buffer);
    memory.end = memory.at + sizeof memory.buffer;
    benchmark::DoNotOptimize(memory.at);
    const std::uintptr_t start = (memory.at + 15) & ~std::uintptr_t{15};
    if (memory.end - start < 64) [[unlikely]]
      std::abort();
    memory.at = start + 64;
    auto* block = reinterpret_cast<void*>(start);
    benchmark::DoNotOptimize(block);
  }
}
BENCHMARK(floor_inline_arena);

// Five loads, each for the next one's address; and the same with a store to where the last one says. The loads behind it do not depend on
// it, but have to be sure of that.
template <bool Stores>
void chain(benchmark::State& state) {
  std::array<std::size_t, 64> steps{};
  auto& next = known_elsewhere(steps);
  for (auto _ : state) {
    std::size_t at = 0;
    benchmark::DoNotOptimize(at);
    for (int i = 0; i < 5; ++i) at = next[at];
    if constexpr (Stores) next[at + 32] = 1;
    benchmark::DoNotOptimize(at);
  }
}
void late_load(benchmark::State& state) { chain<false>(state); }
void late_store(benchmark::State& state) { chain<true>(state); }
BENCHMARK(late_load);
BENCHMARK(late_store);

}  // namespace
}  // namespace loam::bench
