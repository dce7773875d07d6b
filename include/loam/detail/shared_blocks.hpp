// The blocks of all shared pools: pages, and the lists of the threads. Not for direct use.
//
// Invariant: a free block is in one thread's list, in the pool's, or was never handed out; its state says so at once, so that a second
// free is seen by any thread. Nothing is written into a block before it goes to the pool's list.
// Locking: a mutex for the pages and the pool's list; a thread's list is its own. The registry's mutex is taken before it.
#ifndef LOAM_DETAIL_SHARED_BLOCKS_HPP
#define LOAM_DETAIL_SHARED_BLOCKS_HPP

#include <loam/detail/pool_pages.hpp>

#include <algorithm>
#include <cstdint>
#include <memory_resource>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace loam {

namespace detail {

class shared_blocks {
 public:
  // A batch is about 4 KiB of blocks, so that two of them stay in the first-level cache.
  shared_blocks(const block_shape& shape, std::pmr::memory_resource* upstream)
      : shape_(shape),
        batch_(std::clamp<std::size_t>(4096 / shape.size, 8, 128)),
        pages_(upstream),
        number_(enter(this)) {}
  shared_blocks(const shared_blocks&) = delete;
  shared_blocks& operator=(const shared_blocks&) = delete;
  ~shared_blocks() { leave(number_); }

  void* take() {
    local_list* mine = list();
    spare found;
    if (mine == nullptr) [[unlikely]] {
      found = take_slow();
    } else if (mine->newest.block != nullptr) {
      found = {std::exchange(mine->newest.block, nullptr), mine->newest.state};
    } else if (mine->top != mine->bottom()) {
      found = *--mine->top;
    } else {
      found = take_slow();
    }
    set(found.state, block_state::live);
    return found.block;
  }

  // Whether the block was live, and is free now. Of two threads that free a block at the very same moment both may be told so.
  // `shape` is what the constructor was given, as a constant where the caller has one; only inline does that make it 20 instructions.
  [[gnu::always_inline]] bool give(const block_shape& shape, void* block) noexcept {
    block_state* state;
    if (!pages_.is_live(shape, block, state)) [[unlikely]] {
      state = state_of(block);
      if (state == nullptr) return false;
    }
    set(state, block_state::free);
    local_list* mine = list();
    if (mine == nullptr) [[unlikely]] {
      give_slow({block, state});
      return true;
    }
    if (mine->newest.block != nullptr) {
      if (mine->top == mine->limit) [[unlikely]]
        send_older_half(*mine);
      *mine->top++ = mine->newest;
    }
    mine->newest.block = block;
    mine->newest.state = state;
    return true;
  }

  // False: refuse() has said why.
  bool may_be_freed(const block_shape& shape, const void* block) const noexcept {
    block_state* state;
    return pages_.is_live(shape, block, state) || state_of(block) != nullptr;
  }
  bool contains(const void* address) const noexcept { return pages_.contains(address); }
  std::size_t reserved() const {
    std::lock_guard lock(mutex_);
    return pages_.bytes();
  }

 private:
  struct spare {
    void* block;
    block_state* state;
  };
  // The newest block stands apart: one is taken and another one given without waiting for a count. The others in an array, not a
  // chain, which would wait for their memory.
  struct local_list {
    std::uint64_t number;  // of the pool
    spare newest;          // no block: none
    spare* top;            // behind the newest of the others
    spare* limit;
    spare* bottom() noexcept { return reinterpret_cast<spare*>(this + 1); }
  };

  // The lists of one thread, by the low bits of the pool's number. Two pools that meet in a place take turns.
  struct local_lists {
    static constexpr std::size_t places = 64;
    local_list* lists[places];
  };
  // Without a constructor, so that asking for it takes no test; what ends it is made with the first list (see end_of_thread).
  [[gnu::tls_model("initial-exec")]] static inline thread_local constinit local_lists mine_{};

  struct end_of_thread {
    ~end_of_thread() {
      for (local_list*& each : mine_.lists) {
        if (each != nullptr) send_home(std::exchange(each, nullptr));
      }
      ended = true;
    }
    bool ended = false;
  };

  // Pools that exist, so that a thread which ends, or changes the pool of a place, knows whether the blocks have a home.
  struct registry {
    std::mutex mutex;
    std::vector<std::pair<std::uint64_t, shared_blocks*>> pools;
    std::uint64_t next = 1;
  };
  // Never destroyed: threads may end after main.
  static registry& all() {
    static auto* const pools = new registry;
    return *pools;
  }
  static std::uint64_t enter(shared_blocks* pool) {
    registry& pools = all();
    std::lock_guard lock(pools.mutex);
    pools.pools.emplace_back(pools.next, pool);
    return pools.next++;
  }
  static void leave(std::uint64_t number) noexcept {
    registry& pools = all();
    std::lock_guard lock(pools.mutex);
    std::erase_if(pools.pools, [&](const auto& entry) { return entry.first == number; });
  }
  static void send_home(local_list* of) noexcept {
    registry& pools = all();
    std::lock_guard lock(pools.mutex);
    for (const auto& [number, pool] : pools.pools) {
      if (number != of->number) continue;
      pool->take_in(of->bottom(), of->top);
      if (of->newest.block != nullptr) pool->take_in(&of->newest, &of->newest + 1);
    }
    ::operator delete(of);
  }

  local_list* list() const noexcept {
    local_list* mine = mine_.lists[number_ % local_lists::places];
    return mine != nullptr && mine->number == number_ ? mine : nullptr;
  }
  // Null on a thread that is ending, or without memory for a list: blocks then come and go one by one.
  local_list* make_list() noexcept {
    static thread_local end_of_thread end;
    if (end.ended) return nullptr;
    local_list*& place = mine_.lists[number_ % local_lists::places];
    if (place != nullptr) send_home(std::exchange(place, nullptr));
    void* memory = ::operator new(sizeof(local_list) + 2 * batch_ * sizeof(spare), std::nothrow);
    if (memory == nullptr) return nullptr;
    auto* fresh = static_cast<local_list*>(memory);
    *fresh = {number_, {nullptr, nullptr}, fresh->bottom(), fresh->bottom() + 2 * batch_};
    return place = fresh;
  }

  [[gnu::cold, gnu::noinline]] spare take_slow() {
    local_list* mine = list();
    if (mine == nullptr) mine = make_list();
    std::lock_guard lock(mutex_);
    spare found = take_shared();
    if (found.block == nullptr) {
      fresh_.add(pages_.add(shape_), shape_);
      found = take_shared();
    }
    if (mine != nullptr) {
      // Fewer than a batch rather than another page.
      for (std::size_t i = 1; i < batch_; ++i) {
        const spare more = take_shared();
        if (more.block == nullptr) break;
        *mine->top++ = more;
      }
    }
    return found;
  }

  // Requires: the lock. No block: a page is wanted.
  spare take_shared() noexcept {
    if (free_block* block = first_) {
      first_ = block->next;
      return {block, block->state};
    }
    spare found{};
    found.block = fresh_.take(shape_, found.state);
    return found;
  }

  [[gnu::cold, gnu::noinline]] void give_slow(spare block) noexcept {
    if (local_list* mine = make_list())
      mine->newest = block;
    else
      take_in(&block, &block + 1);
  }

  // To the others: what was freed last is still in this thread's cache.
  [[gnu::cold, gnu::noinline]] void send_older_half(local_list& mine) noexcept {
    take_in(mine.bottom(), mine.bottom() + batch_);
    mine.top = std::copy(mine.bottom() + batch_, mine.top, mine.bottom());
  }

  void take_in(const spare* from, const spare* to) noexcept {
    std::lock_guard lock(mutex_);
    for (; from != to; ++from) {
      auto* block = static_cast<free_block*>(from->block);
      block->next = first_;
      block->state = from->state;
      first_ = block;
    }
  }

  // Null if the block may not be freed; then refuse() has said why.
  [[gnu::noinline]] block_state* state_of(const void* block) const noexcept {
    block_state* state = pages_.find(shape_, block);
    if (state != nullptr && std::atomic_ref(*state).load(std::memory_order_relaxed) == block_state::live)
      return state;
    refuse(state == nullptr ? pool_fault::foreign_pointer : pool_fault::double_free, block);
    return nullptr;
  }
  static void set(block_state* state, block_state to) noexcept {
    std::atomic_ref(*state).store(to, std::memory_order_relaxed);
  }

  const block_shape shape_;
  const std::size_t batch_;
  mutable std::mutex mutex_;
  pool_pages pages_;             // changed under the mutex, asked without
  free_block* first_ = nullptr;  // under the mutex: what threads have sent home,
  fresh_blocks fresh_;           // and what never was handed out
  const std::uint64_t number_;
};

}  // namespace detail

}  // namespace loam

#endif
