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

// A free block, and where its state is.
struct spare_block {
  void* block;
  block_state* state;
};

// What a thread has of a pool. The newest block stands apart: one is taken and another one given without waiting for a count. The others
// in an array, not a chain, which would wait for their memory. The words of the newest are no neighbours: the compiler would join them into
// 16 bytes, and a load of a part waits for such a store.
struct spare_list {
  std::uint64_t number;  // of the pool
  void* newest;          // null: none
  spare_block* top;      // behind the newest of the others
  block_state* newest_state;
  spare_block* limit;

  spare_block* bottom() noexcept { return reinterpret_cast<spare_block*>(this + 1); }
  bool is_full() const noexcept { return newest != nullptr && top == limit; }
  // Requires: not full.
  void put(void* block, block_state* state) noexcept {
    if (newest != nullptr) *top++ = {newest, newest_state};
    newest = block;
    newest_state = state;
  }
};
// Stands where a thread has no list. Never written: no pool has its number.
inline constinit spare_list nobodys_spares{0, nullptr, nullptr, nullptr, nullptr};

// The lists of one thread, by the low bits of the pool's number. Two pools that meet in a place take turns.
struct spare_lists {
  static constexpr std::size_t places = 64;
  constexpr spare_lists() noexcept {
    for (spare_list*& each : lists) each = &nobodys_spares;
  }
  spare_list* lists[places]{};
};

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

  // A block that this thread has, live from now on. False: it has none; take_slow() then.
  bool take(void*& block) noexcept {
    spare_list& mine = *place();
    if (mine.number != number_) [[unlikely]]
      return false;
    block = mine.newest;
    if (block != nullptr) [[likely]] {
      mine.newest = nullptr;
      set(mine.newest_state, block_state::live);
      return true;
    }
    if (mine.top == mine.bottom()) [[unlikely]]
      return false;
    --mine.top;
    block = mine.top->block;
    set(mine.top->state, block_state::live);
    return true;
  }
  // Throws what upstream does.
  [[gnu::cold, gnu::noinline]] void* take_slow() {
    spare_list* mine = list();
    if (mine == nullptr) mine = make_list();
    std::lock_guard lock(mutex_);
    spare_block found = take_shared();
    if (found.block == nullptr) {
      fresh_.add(pages_.add(shape_), shape_);
      found = take_shared();
    }
    if (mine != nullptr) {
      // Fewer than a batch rather than another page.
      for (std::size_t i = 1; i < batch_; ++i) {
        const spare_block more = take_shared();
        if (more.block == nullptr) break;
        *mine->top++ = more;
      }
    }
    set(found.state, block_state::live);
    return found.block;
  }

  // Whether the block, any address at all, was live for all that is told at once, and is free now. Of two threads that free a block at
  // the very same moment both may be told so. False: nothing has changed; give_slow() knows more.
  // `shape` is what the constructor was given, as a constant where the caller has one; only inline does that make it 20 instructions.
  [[gnu::always_inline]] bool give(const block_shape& shape, void* block) noexcept {
    block_state* state;
    if (!pages_.is_live(shape, block, state)) [[unlikely]]
      return false;
    spare_list& mine = *place();
    if (mine.number != number_) [[unlikely]]
      return false;
    if (void* const before = mine.newest; before != nullptr) [[unlikely]] {
      if (mine.top == mine.limit) return false;
      *mine.top++ = {before, mine.newest_state};
    }
    set(state, block_state::free);
    mine.newest = block;
    mine.newest_state = state;
    return true;
  }
  // What may not be freed is refused.
  [[gnu::noinline]] void give_slow(void* block) noexcept {
    block_state* const state = state_of(block);
    if (state == nullptr) return;
    set(state, block_state::free);
    spare_list* mine = list();
    if (mine == nullptr) mine = make_list();
    if (mine == nullptr) {
      const spare_block given{block, state};
      return take_in(&given, &given + 1);
    }
    if (mine->is_full()) send_older_half(*mine);
    mine->put(block, state);
  }

  // Whether the block is live for all that is told at once.
  bool is_live(const block_shape& shape, const void* block) const noexcept {
    block_state* state;
    return pages_.is_live(shape, block, state);
  }
  // False: refuse() has said why.
  bool may_be_freed(const void* block) const noexcept { return state_of(block) != nullptr; }
  bool contains(const void* address) const noexcept { return pages_.contains(address); }
  std::size_t reserved() const {
    std::lock_guard lock(mutex_);
    return pages_.bytes();
  }

 private:
  // Initialised as a constant, so that asking for it takes no test; what ends it is made with the first list (see end_of_thread).
  [[gnu::tls_model("initial-exec")]] static inline thread_local constinit spare_lists mine_{};

  struct end_of_thread {
    ~end_of_thread() {
      for (spare_list*& each : mine_.lists) leave_place(each);
      ended = true;
    }
    bool ended = false;
  };
  static void leave_place(spare_list*& place) noexcept {
    if (place != &nobodys_spares) send_home(std::exchange(place, &nobodys_spares));
  }

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
  static void send_home(spare_list* of) noexcept {
    registry& pools = all();
    std::lock_guard lock(pools.mutex);
    for (const auto& [number, pool] : pools.pools) {
      if (number != of->number) continue;
      pool->take_in(of->bottom(), of->top);
      const spare_block newest{of->newest, of->newest_state};
      if (newest.block != nullptr) pool->take_in(&newest, &newest + 1);
    }
    ::operator delete(of);
  }

  // This pool's list, another pool's or nobody's.
  spare_list*& place() const noexcept { return mine_.lists[number_ % spare_lists::places]; }
  spare_list* list() const noexcept {
    spare_list* mine = place();
    return mine->number == number_ ? mine : nullptr;
  }
  // Null on a thread that is ending, or without memory for a list: blocks then come and go one by one.
  spare_list* make_list() noexcept {
    static thread_local end_of_thread end;
    if (end.ended) return nullptr;
    leave_place(place());
    void* memory = ::operator new(sizeof(spare_list) + 2 * batch_ * sizeof(spare_block), std::nothrow);
    if (memory == nullptr) return nullptr;
    auto* fresh = static_cast<spare_list*>(memory);
    *fresh = {number_, nullptr, fresh->bottom(), nullptr, fresh->bottom() + 2 * batch_};
    return place() = fresh;
  }

  // Requires: the lock. No block: a page is wanted.
  spare_block take_shared() noexcept {
    if (free_block* block = first_) {
      first_ = block->next;
      return {block, block->state};
    }
    spare_block found{};
    fresh_.take(shape_, found.block, found.state);
    return found;
  }

  // To the others: what was freed last is still in this thread's cache.
  [[gnu::cold, gnu::noinline]] void send_older_half(spare_list& mine) noexcept {
    take_in(mine.bottom(), mine.bottom() + batch_);
    mine.top = std::copy(mine.bottom() + batch_, mine.top, mine.bottom());
  }

  void take_in(const spare_block* from, const spare_block* to) noexcept {
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
