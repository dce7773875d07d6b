#include "property/crew.hpp"

#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "property/model.hpp"
#include "support/heap.hpp"
#include "sys/kernel.hpp"

namespace loam::property {

namespace {

// Blocks on their way from one thread to any other.
class Market {
 public:
  void put(const Block& block) {
    const std::lock_guard guard(lock_);
    blocks_.push_back(block);
  }

  bool take(uint64_t draw, Block* block) {
    const std::lock_guard guard(lock_);
    if (blocks_.empty()) return false;
    Block& chosen = blocks_[draw % blocks_.size()];
    *block = chosen;
    chosen = blocks_.back();
    blocks_.pop_back();
    return true;
  }

 private:
  std::mutex lock_;
  std::vector<Block> blocks_;
};

struct Crew {
  Market market;
  std::atomic<bool> failed{false};
  std::mutex lock;
  std::string wrong;

  void fail(const std::string& what) {
    const std::lock_guard guard(lock);
    if (wrong.empty()) wrong = what;
    failed = true;
  }
};

class Worker {
 public:
  Worker(Crew& crew, uint64_t seed) : crew_(crew), random_(seed) {}

  void run(uint64_t operations) {
    for (uint64_t i = 0; i < operations && !crew_.failed; ++i) step();
    for (const Block& block : mine_) release(block);
  }

 private:
  uint64_t below(uint64_t limit) { return random_() % limit; }

  size_t draw_size() {
    const uint64_t kind = below(100);
    if (kind < 70) return below(1100);
    if (kind < 97) return below(uint64_t{1} << (10 + below(8)));
    return below(uint64_t{3} << 20);
  }

  void step() {
    const uint64_t kind = below(100);
    Block block{};
    if (kind < 45 && mine_.size() < 2000) {
      allocate();
    } else if (kind < 70 && !mine_.empty()) {
      release(draw_mine());
    } else if (kind < 80 && !mine_.empty()) {
      crew_.market.put(draw_mine());
    } else if (kind < 90 && crew_.market.take(random_(), &block)) {
      release(block);
    } else if (kind < 94 && crew_.market.take(random_(), &block)) {
      mine_.push_back(block);
    } else if (kind < 99) {
      look();
    } else {
      tidy();
    }
  }

  void allocate() {
    const size_t size = draw_size();
    const size_t alignment = below(100) == 0 ? size_t{1} << (4 + below(17)) : heap::kGranule;
    auto* start = static_cast<char*>(user_.allocate(size, alignment));
    if (start == nullptr) return crew_.fail("no memory");
    if (reinterpret_cast<uint64_t>(start) % alignment != 0) crew_.fail("a misaligned block");
    if (heap::find_size(start) < size) crew_.fail("a block with less usable size");
    const Block block = {start, size, random_()};
    fill(block);
    mine_.push_back(block);
  }

  Block draw_mine() {
    const size_t index = below(mine_.size());
    const Block block = mine_[index];
    mine_[index] = mine_.back();
    mine_.pop_back();
    return block;
  }

  void release(const Block& block) {
    if (!holds(block)) crew_.fail("a block's contents have changed: two owners");
    if (!user_.release(block.start)) crew_.fail("a live block cannot be freed");
  }

  void look() {
    if (mine_.empty()) return;
    const Block& block = mine_[below(mine_.size())];
    const heap::Found found = heap::find(block.start + (block.size == 0 ? 0 : below(block.size)));
    if (found.where != heap::Where::kLive || found.block != block.start)
      crew_.fail("find() misses a live block");
  }

  void tidy() {
    if (below(10) == 0) heap::trim(user_.heap());
    if (below(20) == 0) heap::trim_orphans();
    if (below(20) == 0) heap::regions.purge(below(uint64_t{8} << 20), below(2) == 0);
    heap::regions.decay(sys::monotonic_ns());
  }

  Crew& crew_;
  std::mt19937_64 random_;
  test::HeapUser user_;
  std::vector<Block> mine_;
};

}  // namespace

std::string run_crew(unsigned threads, uint64_t seed, uint64_t operations) {
  Crew crew;
  constexpr unsigned kGenerations = 4;  // threads that end leave heaps to be adopted
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&crew, seed, i, operations] {
      for (unsigned generation = 0; generation < kGenerations; ++generation) {
        std::thread worker(
            [&] { Worker(crew, seed * 1000 + i * 10 + generation).run(operations / kGenerations); });
        worker.join();
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  test::HeapUser user;
  for (Block block{}; crew.market.take(0, &block);) {
    if (!holds(block) || !user.release(block.start)) crew.fail("a block left over is damaged");
  }
  const char* wrong = heap::verify();
  if (wrong != nullptr) crew.fail(wrong);
  return crew.wrong;
}

}  // namespace loam::property
