#include "property/crew.hpp"

#include <algorithm>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "heap/growth.hpp"
#include "property/account.hpp"
#include "property/model.hpp"
#include "support/heap.hpp"
#include "sys/kernel.hpp"

namespace loam::property {

namespace {

constexpr uint32_t kLine = 64;

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

// Whole sets of blocks that threads which have ended left to those that begin.
class Estate {
 public:
  void leave(std::vector<Block>&& set) {
    const std::lock_guard guard(lock_);
    if (!set.empty()) sets_.push_back(std::move(set));
  }

  std::vector<Block> inherit(uint64_t draw) {
    const std::lock_guard guard(lock_);
    if (sets_.empty()) return {};
    std::swap(sets_[draw % sets_.size()], sets_.back());
    std::vector<Block> set = std::move(sets_.back());
    sets_.pop_back();
    return set;
  }

 private:
  std::mutex lock_;
  std::vector<std::vector<Block>> sets_;
};

struct Crew {
  Market market;
  Estate estate;
  // A life that keeps to these has so many blocks of each that its spans fill, empty, and are handed on.
  std::vector<size_t> few_sizes;
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
    if (below(3) != 0) mine_ = crew_.estate.inherit(random_());
    for (uint64_t i = 0; i < operations && !crew_.failed; ++i) step();
    if (below(3) != 0) return crew_.estate.leave(std::move(mine_));
    for (const Block& block : mine_) release(block);
  }

 private:
  uint64_t below(uint64_t limit) { return random_() % limit; }

  size_t draw_size() {
    if (few_sizes_) return crew_.few_sizes[below(crew_.few_sizes.size())];
    const uint64_t kind = below(100);
    if (kind < 70) return below(1100);
    if (kind < 97) return below(uint64_t{1} << (10 + below(8)));
    return below(uint64_t{3} << 20);
  }

  void step() {
    if (below(500) == 0) growth_ = below(61);
    const uint64_t kind = below(100);
    Block block{};
    if (kind < growth_ && mine_.size() < 2000) {
      allocate();
    } else if (kind < 70 && !mine_.empty()) {
      release(draw_mine());
    } else if (kind < 80 && !mine_.empty()) {
      crew_.market.put(draw_mine());
    } else if (kind < 90 && crew_.market.take(random_(), &block)) {
      release(block);
    } else if (kind < 94 && crew_.market.take(random_(), &block)) {
      mine_.push_back(block);
    } else if (kind < 97) {
      look();
    } else if (kind < 99) {
      resize();
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
    const heap::Span* span = heap::page_map.find(start);
    if (span != nullptr && span->kind == heap::SpanKind::kSmall && span->block_size < kLine &&
        sys::peek(span->owner) != &user_.heap())
      crew_.fail("a block that shares its line of the cache with another heap's");
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

  // As realloc does it: a large block in place, a small one into room to grow.
  void resize() {
    if (mine_.empty()) return;
    Block& block = mine_[below(mine_.size())];
    if (!holds(block)) crew_.fail("a block's contents have changed: two owners");
    heap::Span* span = heap::page_map.find(block.start);
    if (span == nullptr) return;
    if (span->kind == heap::SpanKind::kLarge) {
      const size_t size = heap::kMaxSmall + 1 + below(2 * block.size + 1);
      if (heap::resize_large(*span, size)) replace(block, {block.start, size, random_()});
      return;
    }
    const size_t size = heap::kGrowFrom + below(heap::kMaxSmall + 1 - heap::kGrowFrom);
    if (heap::is_growth(*span) && below(4) == 0) {
      const size_t large = heap::kMaxSmall + size;
      if (heap::outgrow(user_.heap(), *span, large)) replace(block, {block.start, large, random_()});
    } else if (heap::is_growth(*span)) {
      heap::set_growth_size(*span, heap::block_index(*span, block.start).index, size);
      replace(block, {block.start, size, random_()});
    } else if (void* moved = heap::allocate_growth(user_.heap(), size)) {
      release(block);
      replace(block, {static_cast<char*>(moved), size, random_()});
    }
  }

  void replace(Block& block, const Block& resized) {
    if (block.start == resized.start &&
        !holds({block.start, std::min({block.size, resized.size, size_t{256}}), block.pattern}))
      crew_.fail("a block resized in place has lost its contents");
    if (heap::find_size(resized.start) < resized.size) crew_.fail("a resized block with less usable size");
    block = resized;
    fill(block);
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
  const bool few_sizes_ = below(2) == 0;
  uint64_t growth_ = 45;  // of a hundred steps, those that allocate
  test::HeapUser user_;
  std::vector<Block> mine_;
};

// One thread after the other, in lives of any length: those that end leave heaps to be adopted and taken over.
void live_lives(Crew& crew, uint64_t seed, uint64_t operations) {
  std::mt19937_64 random(seed);
  while (operations > 0 && !crew.failed) {
    const uint64_t life = std::min<uint64_t>(operations, 1 + random() % (uint64_t{1} << (8 + random() % 6)));
    std::thread([&crew, life, worker_seed = random()] { Worker(crew, worker_seed).run(life); }).join();
    operations -= life;
  }
}

}  // namespace

std::string run_crew(unsigned threads, uint64_t seed, uint64_t operations) {
  Crew crew;
  std::mt19937_64 random(seed);
  for (uint64_t count = 1 + random() % 6; crew.few_sizes.size() < count;)
    crew.few_sizes.push_back(random() % (uint64_t{1} << (6 + random() % 8)));
  std::vector<std::thread> running;
  running.reserve(threads);
  for (unsigned i = 0; i < threads; ++i)
    running.emplace_back([&crew, seed, i, operations] { live_lives(crew, seed * 100 + i, operations); });
  for (std::thread& thread : running) thread.join();
  test::HeapUser user;
  const auto release = [&](const Block& block) {
    if (!holds(block) || !user.release(block.start)) crew.fail("a block left over is damaged");
  };
  for (Block block{}; crew.market.take(0, &block);) release(block);
  for (std::vector<Block> set; !(set = crew.estate.inherit(0)).empty();) std::ranges::for_each(set, release);
  const char* wrong = heap::verify();
  if (wrong != nullptr) crew.fail(wrong);
  if (const std::string lost = settle_accounts(); !lost.empty()) crew.fail(lost);
  return crew.wrong;
}

}  // namespace loam::property
