// shared_pool.hpp - objects of one type for many threads.
//
// Each thread has a list of free objects of its own; whole batches go to and come from the others. An object may be freed by any
// thread, and is handed out again there.
//
// Invariant: a free block is in one thread's list, in a batch of the pool, or was never handed out. Thread safety: all of it but
// construction and destruction; the pool must outlive the use of its objects, not the threads that used it.
// Double frees and foreign pointers are refused as in pool.hpp; a second free by another thread at the very moment of the first
// may go unseen. Under `loam check` each object is a heap block of its own.
#ifndef LOAM_SHARED_POOL_HPP
#define LOAM_SHARED_POOL_HPP

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

// What all shared pools have in common: batches, pages, and the lists of the threads.
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
    free_block* block;
    if (mine == nullptr || mine->top == mine->bottom()) [[unlikely]]
      block = take_slow();
    else
      block = *--mine->top;
    relaxed(*block->state).store(block_state::live, std::memory_order_relaxed);
    return block;
  }

  // Whether the block was live, and is free now. Of two threads that free a block at the very same moment both may be told so.
  // `shape` is what the constructor was given, as a constant where the caller has one.
  bool give(const block_shape& shape, void* memory) noexcept {
    block_state* state = live_state(shape, memory);
    if (state == nullptr) [[unlikely]]
      return false;
    relaxed(*state).store(block_state::free, std::memory_order_relaxed);
    auto* block = static_cast<free_block*>(memory);
    block->state = state;
    local_list* mine = list();
    if (mine == nullptr || mine->top == mine->limit) [[unlikely]]
      give_slow(block);
    else
      *mine->top++ = block;
    return true;
  }

  // Null if the block may not be freed; then refuse() has said why.
  block_state* live_state(const block_shape& shape, const void* block) const noexcept {
    block_state* state = pages_.state_of(shape, block);
    if (state != nullptr && relaxed(*state).load(std::memory_order_relaxed) == block_state::live) [[likely]]
      return state;
    refuse(state == nullptr ? pool_fault::foreign_pointer : pool_fault::double_free, block);
    return nullptr;
  }
  bool contains(const void* address) const noexcept { return pages_.contains(address); }
  std::size_t reserved() const {
    std::lock_guard lock(mutex_);
    return pages_.bytes();
  }

 private:
  // An array, not a chain: a count beside a chain would be one more word that each call waits for.
  struct local_list {
    std::uint64_t number;  // of the pool
    free_block** top;      // behind the newest block
    free_block** limit;
    free_block** bottom() noexcept { return reinterpret_cast<free_block**>(this + 1); }
    std::size_t count() noexcept { return static_cast<std::size_t>(top - bottom()); }
  };

  // The lists of one thread, by the low bits of the pool's number. Two pools that meet in a place take turns.
  struct local_lists {
    static constexpr std::size_t places = 64;
    local_list* lists[places];
  };
  // Without a constructor, so that asking for it takes no test; what ends it is made with the first list (see end_of_thread).
  static inline thread_local constinit local_lists mine_{};

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
      if (number == of->number) pool->take_in(of->bottom(), of->count());
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
    void* memory = ::operator new(sizeof(local_list) + 2 * batch_ * sizeof(free_block*), std::nothrow);
    if (memory == nullptr) return nullptr;
    auto* fresh = static_cast<local_list*>(memory);
    *fresh = {number_, fresh->bottom(), fresh->bottom() + 2 * batch_};
    return place = fresh;
  }

  [[gnu::cold, gnu::noinline]] free_block* take_slow() {
    local_list* mine = list();
    if (mine == nullptr) mine = make_list();
    std::lock_guard lock(mutex_);
    free_block* block = take_shared();
    if (mine != nullptr) {
      // Fewer than a batch rather than another page.
      for (std::size_t i = 1; i < batch_; ++i) {
        free_block* more = free_.pop(shape_);
        if (more == nullptr) break;
        *mine->top++ = more;
      }
    }
    return block;
  }

  // Requires: the lock.
  free_block* take_shared() {
    if (free_block* block = free_.pop(shape_)) return block;
    free_.add(pages_.add(shape_), shape_);
    return free_.pop(shape_);
  }

  // The older half goes to the others: what was freed last is still in this thread's cache.
  [[gnu::cold, gnu::noinline]] void give_slow(free_block* block) noexcept {
    local_list* mine = list();
    if (mine == nullptr) mine = make_list();
    if (mine == nullptr) return take_in(&block, 1);
    if (mine->top == mine->limit) {
      take_in(mine->bottom(), batch_);
      mine->top = std::copy(mine->bottom() + batch_, mine->top, mine->bottom());
    }
    *mine->top++ = block;
  }

  void take_in(free_block** blocks, std::size_t count) noexcept {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < count; ++i) free_.push(blocks[i]);
  }

  static std::atomic_ref<block_state> relaxed(block_state& state) noexcept { return std::atomic_ref(state); }

  const block_shape shape_;
  const std::size_t batch_;
  mutable std::mutex mutex_;
  pool_pages pages_;  // changed under the mutex, asked without
  free_list free_;    // under the mutex: what threads have sent home, and what never was handed out
  const std::uint64_t number_;
};

}  // namespace detail

template <class T>
class shared_pool {
 public:
  static constexpr std::size_t alignment = std::max(alignof(T), alignof(detail::free_block));
  static constexpr std::size_t block_bytes =
      (std::max(sizeof(T), detail::least_block) + alignment - 1) & ~(alignment - 1);
  static_assert(block_bytes <= detail::pool_pages::page_bytes / 8,
                "an object this large belongs to the heap itself");

  explicit shared_pool(std::pmr::memory_resource* upstream = std::pmr::new_delete_resource())
      : blocks_(shape, upstream) {}

  // Memory for one object. O(1), about 2 ns without a lock; one in a batch (8 to 128) takes a mutex. Throws what upstream does.
  [[nodiscard]] T* allocate() {
    if (detail::watched) [[unlikely]]
      return static_cast<T*>(::operator new(sizeof(T), std::align_val_t{alignof(T)}));
    return static_cast<T*>(blocks_.take());
  }

  // By any thread. Requires: allocate() returned the object; else it is refused.
  void deallocate(T* object) noexcept {
    if (detail::watched) [[unlikely]]
      return ::operator delete(static_cast<void*>(object), std::align_val_t{alignof(T)});
    blocks_.give(shape, object);
  }

  template <class... Arguments>
  [[nodiscard]] T* make(Arguments&&... arguments) {
    T* object = allocate();
    try {
      return ::new (static_cast<void*>(object)) T(std::forward<Arguments>(arguments)...);
    } catch (...) {
      deallocate(object);
      throw;
    }
  }

  // Destroys the object and frees its memory; null is allowed.
  void free(T* object) noexcept {
    if (object == nullptr || (!detail::watched && blocks_.live_state(shape, object) == nullptr)) return;
    object->~T();
    deallocate(object);
  }

  // Whether the address lies in the pool's pages; any address may be asked for. O(1), no lock. Under `loam check` never.
  bool owns(const void* address) const noexcept { return blocks_.contains(address); }
  std::size_t reserved() const { return blocks_.reserved(); }

 private:
  static constexpr detail::block_shape shape = detail::pool_pages::shape_of(block_bytes);
  detail::shared_blocks blocks_;
};

}  // namespace loam

#endif
