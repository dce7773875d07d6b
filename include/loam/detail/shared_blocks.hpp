// The blocks of all shared pools: pages, and the lists of the threads. Not for direct use.
//
// Invariant: a free block is in one thread's list, in the pool's, or was never handed out. Its state is `free`; but the newest one of a
// list has that list's tag for its state, and keeps it when it is taken: an object that comes and goes on one thread changes no state. So
// a block with a tag is live unless it is the newest of that tag's list, which any thread can look at: a second free is seen by any.
// Nothing is written into a block before it goes to the pool's list.
// Locking: a mutex for the pages, the pool's list and the tags; a thread's list is its own, but for its newest block, which others read.
// The registry's mutex is taken before it.
#ifndef LOAM_DETAIL_SHARED_BLOCKS_HPP
#define LOAM_DETAIL_SHARED_BLOCKS_HPP

#include <loam/detail/pool_pages.hpp>

#include <algorithm>
#include <array>
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
  std::uint64_t number;       // of the pool
  std::atomic<void*> newest;  // null: none
  spare_block* top;           // behind the newest of the others
  block_state* newest_state;
  spare_block* limit;
  spare_list* next_unused;  // of those that threads which ended have left
  block_state tag;          // of the newest block, while it is that and when it has been taken

  spare_block* bottom() noexcept { return reinterpret_cast<spare_block*>(this + 1); }
};
// Stands where a thread has no list. Never written: no pool has its number.
inline constinit spare_list nobodys_spares{};

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
  // Lists that threads still have are theirs to free.
  ~shared_blocks() {
    leave(number_);
    while (unused_ != nullptr) free_list_of(std::exchange(unused_, unused_->next_unused));
  }

  // A block that this thread has, live from now on. False: it has none; take_slow() then.
  bool take(void*& block) noexcept {
    spare_list& mine = *place();
    if (mine.number != number_) [[unlikely]]
      return false;
    block = mine.newest.load(std::memory_order_relaxed);
    if (block != nullptr) [[likely]] {
      mine.newest.store(nullptr, std::memory_order_relaxed);
      return true;
    }
    return take_older(mine, block);
  }
  // Throws what upstream does.
  [[gnu::cold, gnu::noinline]] void* take_slow() {
    spare_list* mine = list();
    if (mine == nullptr) mine = make_list();
    if (void* block; mine != nullptr && take_older(*mine, block)) return block;
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
    if (!pages_.knows(shape, block, state)) [[unlikely]]
      return false;
    spare_list& mine = *place();
    if (mine.number != number_) [[unlikely]]
      return false;
    const block_state seen = get(state);
    if (seen != mine.tag) {
      if (seen != block_state::live) [[unlikely]]
        return false;
      set(state, mine.tag);  // still live: not the newest
    }
    if (void* const before = mine.newest.load(std::memory_order_relaxed); before != nullptr) [[unlikely]] {
      if (before == block || mine.top == mine.limit) return false;
      put_newest_down(mine, before);
    }
    mine.newest.store(block, std::memory_order_release);
    mine.newest_state = state;
    return true;
  }
  // What may not be freed is refused.
  [[gnu::noinline]] void give_slow(void* block) noexcept {
    block_state* const state = state_of(block);
    if (state == nullptr) return;
    spare_list* mine = list();
    if (mine == nullptr) mine = make_list();
    if (mine == nullptr) {
      set(state, block_state::free);
      const spare_block given{block, state};
      return take_in(&given, &given + 1);
    }
    if (mine->top == mine->limit) send_older_half(*mine);
    if (!has_tag(*mine)) {
      set(state, block_state::free);
      *mine->top++ = {block, state};
      return;
    }
    if (void* const before = mine->newest.load(std::memory_order_relaxed)) put_newest_down(*mine, before);
    set(state, mine->tag);
    mine->newest.store(block, std::memory_order_release);
    mine->newest_state = state;
  }

  // Whether the block is live for all that is told at once.
  bool is_live(const block_shape& shape, const void* block) const noexcept {
    block_state* state;
    if (!pages_.knows(shape, block, state)) return false;
    const spare_list& mine = *place();
    const block_state seen = get(state);
    return seen == block_state::live || (mine.number == number_ && seen == mine.tag &&
                                         mine.newest.load(std::memory_order_relaxed) != block);
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
      if (number == (of->number & ~untagged)) return pool->take_home(of);
    }
    free_list_of(of);
  }
  static void free_list_of(spare_list* gone) noexcept {
    ::operator delete(gone, std::align_val_t{list_alignment});
  }

  // This pool's list, another pool's or nobody's.
  spare_list*& place() const noexcept { return mine_.lists[number_ % spare_lists::places]; }
  spare_list* list() const noexcept {
    spare_list* mine = place();
    return (mine->number & ~untagged) == number_ ? mine : nullptr;
  }
  // Where there were more threads than tags: neither take() nor give() knows such a list, and no block is its newest.
  static bool has_tag(const spare_list& list) noexcept { return (list.number & untagged) == 0; }

  // Null on a thread that is ending, or without memory for a list: blocks then come and go one by one.
  spare_list* make_list() noexcept {
    static thread_local end_of_thread end;
    if (end.ended) return nullptr;
    leave_place(place());
    std::lock_guard lock(mutex_);
    spare_list* fresh = unused_;
    if (fresh != nullptr) {
      unused_ = fresh->next_unused;
      return place() = fresh;
    }
    void* memory = ::operator new(sizeof(spare_list) + 2 * batch_ * sizeof(spare_block),
                                  std::align_val_t{list_alignment}, std::nothrow);
    if (memory == nullptr) return nullptr;
    fresh = new (memory) spare_list{};
    fresh->number = number_;
    fresh->top = fresh->bottom();
    fresh->limit = fresh->bottom() + 2 * batch_;
    if (tags_ == most_tags) {
      fresh->number |= untagged;
    } else {
      fresh->tag = static_cast<block_state>(first_tag + tags_);
      by_tag_[tags_++].store(fresh, std::memory_order_release);
    }
    return place() = fresh;
  }
  // What a thread that ends has, and its list for the next one. Objects that it gave and took keep the tag.
  void take_home(spare_list* of) noexcept {
    take_in(of->bottom(), of->top);
    of->top = of->bottom();
    if (void* const block = of->newest.load(std::memory_order_relaxed)) {
      const spare_block newest{block, of->newest_state};
      set(newest.state, block_state::free);
      of->newest.store(nullptr, std::memory_order_release);
      take_in(&newest, &newest + 1);
    }
    std::lock_guard lock(mutex_);
    of->next_unused = std::exchange(unused_, of);
  }

  static bool take_older(spare_list& mine, void*& block) noexcept {
    if (mine.top == mine.bottom()) [[unlikely]]
      return false;
    --mine.top;
    block = mine.top->block;
    set(mine.top->state, block_state::live);
    return true;
  }
  // Requires: room. The state first: whoever still finds the tag finds the block to be the newest as well.
  static void put_newest_down(spare_list& mine, void* newest) noexcept {
    set(mine.newest_state, block_state::free);
    *mine.top++ = {newest, mine.newest_state};
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
    if (state != nullptr && is_live(block, state)) return state;
    refuse(state == nullptr ? pool_fault::foreign_pointer : pool_fault::double_free, block);
    return nullptr;
  }
  // Another thread may be putting it from its newest place into its list: the state has changed by then.
  bool is_live(const void* block, block_state* state) const noexcept {
    for (;;) {
      const block_state seen = std::atomic_ref(*state).load(std::memory_order_acquire);
      if (seen == block_state::free || seen == block_state::live) return seen == block_state::live;
      const auto tag = static_cast<std::size_t>(seen) - first_tag;
      if (by_tag_[tag].load(std::memory_order_acquire)->newest.load(std::memory_order_acquire) == block)
        return false;
      if (get(state) == seen) return true;
    }
  }
  static block_state get(block_state* state) noexcept {
    return std::atomic_ref(*state).load(std::memory_order_relaxed);
  }
  static void set(block_state* state, block_state to) noexcept {
    std::atomic_ref(*state).store(to, std::memory_order_relaxed);
  }

  // Of lists: lines of the cache that no other thread writes to.
  static constexpr std::size_t list_alignment = 64;
  static constexpr std::uint64_t untagged = std::uint64_t{1} << 63;
  static constexpr std::size_t first_tag = static_cast<std::size_t>(block_state::live) + 1;
  static constexpr std::size_t most_tags = 256 - first_tag;

  const block_shape shape_;
  const std::size_t batch_;
  mutable std::mutex mutex_;
  pool_pages pages_;              // changed under the mutex, asked without
  free_block* first_ = nullptr;   // under the mutex: what threads have sent home,
  fresh_blocks fresh_;            // and what never was handed out
  spare_list* unused_ = nullptr;  // under the mutex: lists of threads that have ended
  std::size_t tags_ = 0;          // in use; under the mutex
  std::array<std::atomic<spare_list*>, most_tags> by_tag_{};  // once set, for as long as the pool
  const std::uint64_t number_;
};

}  // namespace detail

}  // namespace loam

#endif
