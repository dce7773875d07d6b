// pool.hpp - objects of one type, given back one by one, at the price of a few instructions.
//
//   loam::pool<T>            one thread at a time
//   loam::object_cache<T>    keeps constructed objects for their next use
//   loam/pool_resource.hpp   the same for std::pmr, any size;  loam/shared_pool.hpp   for many threads
//
// A block freed twice, and a pointer that is not the pool's, are refused in every build (see pool_fault_handler).
//
// Under `loam check` each object is a heap block of its own, so that a use after free, a double free or an object that
// nobody points to any more is found and reported with its stacks.
#ifndef LOAM_POOL_HPP
#define LOAM_POOL_HPP

#include <loam/detail/address_set.hpp>
#include <loam/detail/pool_pages.hpp>

#include <algorithm>
#include <memory>
#include <memory_resource>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace loam {

// What a pool does beyond handing out memory, as the second parameter of its type, so that pools with and without fences can
// stand side by side in one build.
struct plain_checks {
  static constexpr std::size_t fence_bytes = 0;
};
// Bytes in front of and behind each object that are looked at when it is freed, and by pool::verify().
struct fence_checks {
  static constexpr std::size_t fence_bytes = 16;
};

template <class T, class Checks = plain_checks>
class pool {
 public:
  static_assert(Checks::fence_bytes % alignof(std::max_align_t) == 0);
  static constexpr std::size_t alignment =
      std::max({alignof(T), alignof(detail::free_block), Checks::fence_bytes});
  // Bytes from one object to the next.
  static constexpr std::size_t block_bytes =
      (std::max(sizeof(T), detail::least_block) + 2 * Checks::fence_bytes + alignment - 1) & ~(alignment - 1);
  static_assert(block_bytes <= detail::pool_pages::page_bytes / 8,
                "an object this large belongs to the heap itself");

  // Takes nothing from upstream until the first object; then 64 KiB at a time.
  explicit pool(std::pmr::memory_resource* upstream = std::pmr::new_delete_resource()) noexcept
      : pages_(upstream) {}
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;
  ~pool() { clear(); }

  // Memory for one object, uninitialised. O(1), about 1 ns. Throws what upstream does.
  [[nodiscard]] T* allocate() {
    void* block;
    if (free_.take_newest(block) || free_.take_listed(block) || free_.take_fresh(shape, block)) [[likely]]
      return from_block(block);
    return allocate_slow();
  }

  // Requires: allocate() returned the object, and its destructor has run; else it is refused. O(1), about 1 ns.
  void deallocate(T* object) noexcept {
    if (has_fences || !free_.give(pages_, shape, to_block(object))) [[unlikely]]
      deallocate_slow(object);
  }

  // An object. Throws what upstream and the constructor do; nothing has changed then.
  template <class... Arguments>
  [[nodiscard]] T* make(Arguments&&... arguments) {
    T* object = allocate();
    if constexpr (std::is_nothrow_constructible_v<T, Arguments...>) {
      return ::new (static_cast<void*>(object)) T(std::forward<Arguments>(arguments)...);
    } else {
      try {
        return ::new (static_cast<void*>(object)) T(std::forward<Arguments>(arguments)...);
      } catch (...) {
        deallocate(object);
        throw;
      }
    }
  }

  // Destroys the object and frees its memory; null is allowed. A pointer that is to be refused is refused before the
  // destructor runs.
  void free(T* object) noexcept {
    if (object == nullptr) return;
    if constexpr (!std::is_trivially_destructible_v<T>) {
      if (free_known(object)) return;
      if (!may_be_freed(object)) [[unlikely]]
        return;
      object->~T();
    }
    deallocate(object);
  }

  // Fills the span with memory for objects; all or nothing. O(objects), less than half a nanosecond for each that never was handed out, or
  // came back by deallocate(span) in the order of allocate(span).
  void allocate(std::span<T*> objects) {
    std::size_t done = 0;
    try {
      // In registers: what is written to blocks and states could not change a copy.
      detail::free_list list = free_;
      void* block;
      if (!objects.empty() && list.take_newest(block)) objects[done++] = from_block(block);
      while (done < objects.size()) {
        if (list.take_listed(block)) {
          objects[done++] = from_block(block);
          continue;
        }
        done += list.take_fresh(shape, objects.size() - done,
                                [&](std::size_t i, void* fresh) { objects[done + i] = from_block(fresh); });
        if (done == objects.size()) break;
        free_ = list;
        objects[done++] = allocate_slow();
        list = free_;
      }
      free_ = list;
    } catch (...) {
      deallocate(objects.first(done));
      throw;
    }
  }
  // The last one first: what allocate(span) took side by side goes back in front of what was never handed out, and nothing is written to it.
  void deallocate(std::span<T* const> objects) noexcept {
    detail::free_list list = free_;
    for (std::size_t i = objects.size(); i-- > 0;) {
      T* const object = objects[i];
      if (!has_fences && list.give(pages_, shape, to_block(object))) [[likely]]
        continue;
      free_ = list;
      deallocate_slow(object);
      list = free_;
    }
    free_ = list;
  }

  // Whether the address lies in the pool's memory; any address may be asked for. O(1).
  bool owns(const void* address) const noexcept {
    return detail::watched ? blocks_.contains(reinterpret_cast<std::uintptr_t>(address))
                           : pages_.contains(address);
  }

  // Objects that were handed out and did not come back. O(blocks): counting at each call would cost as much as the call.
  std::size_t live() const noexcept {
    if (detail::watched) return blocks_.size();
    std::size_t count = 0;
    for_each_block([&](std::byte*) { ++count; });
    return count;
  }
  // Bytes taken from upstream.
  std::size_t reserved() const noexcept { return pages_.bytes(); }

  // Calls visit(object) for each live one, page by page. visit may free that object. O(blocks).
  template <class Visit>
  void for_each(Visit&& visit) {
    if (detail::watched) [[unlikely]]
      return for_each_watched(visit);
    for_each_block([&](std::byte* block) { visit(object_in(block)); });
  }

  // Looks at the fences of every live object; refuses each that is damaged, and returns how many there were. O(blocks).
  std::size_t verify() {
    std::size_t damaged = 0;
    if constexpr (has_fences) {
      if (detail::watched) return 0;  // what is written outside of the object is found by loam check itself
      for_each([&](T* object) {
        if (fences_stand(to_block(object))) return;
        ++damaged;
        detail::refuse(pool_fault::damaged_fence, object);
      });
    }
    return damaged;
  }

  // Destroys all live objects and gives all memory back to upstream. Requires: no destructor frees another object of this pool.
  // O(blocks); if T has no destructor to run, O(pages).
  void clear() noexcept {
    if constexpr (!std::is_trivially_destructible_v<T>) {
      for_each([](T* object) { object->~T(); });
    }
    blocks_.for_each([](std::uintptr_t block) {
      ::operator delete(reinterpret_cast<void*>(block), std::align_val_t{alignof(T)});
    });
    blocks_.clear();
    free_.clear();
    pages_.release();
  }

 private:
  static constexpr bool has_fences = Checks::fence_bytes > 0;
  static constexpr unsigned char fence_byte = 0xfd;
  static constexpr detail::block_shape shape = detail::pool_pages::shape_of(block_bytes);

  static void* to_block(T* object) noexcept {
    return reinterpret_cast<std::byte*>(object) - Checks::fence_bytes;
  }
  static const void* to_block(const T* object) noexcept {
    return reinterpret_cast<const std::byte*>(object) - Checks::fence_bytes;
  }
  static T* from_block(void* block) noexcept {
    auto* bytes = static_cast<std::byte*>(block);
    if constexpr (has_fences) {
      std::memset(bytes, fence_byte, Checks::fence_bytes);
      std::memset(bytes + Checks::fence_bytes + sizeof(T), fence_byte, behind());
    }
    return object_in(bytes);
  }
  static T* object_in(std::byte* block) noexcept { return reinterpret_cast<T*>(block + Checks::fence_bytes); }
  static constexpr std::size_t behind() noexcept { return block_bytes - Checks::fence_bytes - sizeof(T); }
  static bool fences_stand(const void* block) noexcept {
    const auto* bytes = static_cast<const unsigned char*>(block);
    const auto stands = [](unsigned char byte) { return byte == fence_byte; };
    const unsigned char* rest = bytes + Checks::fence_bytes + sizeof(T);
    return std::all_of(bytes, bytes + Checks::fence_bytes, stands) &&
           std::all_of(rest, rest + behind(), stands);
  }

  // The state of an object that is live. Null: it may not be freed, and the handler has been told why.
  [[gnu::noinline]] detail::block_state* state_of(const T* object) const noexcept {
    const void* block = to_block(object);
    detail::block_state* state = pages_.find(shape, block);
    if (state == nullptr)
      detail::refuse(pool_fault::foreign_pointer, object);
    else if (*state != detail::block_state::live || free_.is_newest(block))
      detail::refuse(pool_fault::double_free, object);
    else if (has_fences && !fences_stand(block))
      detail::refuse(pool_fault::damaged_fence, object);
    else
      return state;
    return nullptr;
  }
  // Under loam check a pool has no pages, so that all of its calls come here.
  [[gnu::noinline]] void deallocate_slow(T* object) noexcept {
    if (detail::watched) [[unlikely]]
      return deallocate_watched(object);
    if (detail::block_state* state = state_of(object)) free_.give(to_block(object), state);
  }
  [[gnu::noinline]] T* allocate_slow() {
    if (detail::watched) [[unlikely]]
      return allocate_watched();
    free_.add(pages_.add(shape), shape);
    void* block = nullptr;  // for a compiler that does not know that a fresh page has blocks
    free_.take_fresh(shape, block);
    return from_block(block);
  }
  // free() of an object that is live for all that is told at once, with one look at the table for both its destructor and its memory.
  // False: nothing has happened.
  bool free_known(T* object) noexcept {
    void* const block = to_block(object);
    detail::block_state* state;
    if (has_fences || free_.newest_is_out(block) || !pages_.is_live(shape, block, state) ||
        free_.is_newest(block))
      return false;
    object->~T();
    // The destructor may have given the block back itself.
    if (*state != detail::block_state::live || !free_.give(block, state)) [[unlikely]]
      deallocate_slow(object);
    return true;
  }
  // Under loam check it tells, with its stacks.
  bool may_be_freed(const T* object) const noexcept {
    return detail::watched || (!has_fences && free_.newest_is_out(to_block(object))) ||
           state_of(object) != nullptr;
  }

  template <class Visit>
  void for_each_block(Visit&& visit) const {
    for (detail::pool_pages::page* at = pages_.newest(); at != nullptr; at = at->previous) {
      for (std::uint32_t i = 0; i < shape.count; ++i) {
        std::byte* block = at->block(shape, i);
        if (at->states()[i] == detail::block_state::live && !free_.is_newest(block)) visit(block);
      }
    }
  }

  template <class Visit>
  void for_each_watched(Visit&& visit) {
    std::vector<T*> objects;
    blocks_.for_each([&](std::uintptr_t block) { objects.push_back(reinterpret_cast<T*>(block)); });
    for (T* object : objects) visit(object);
  }

  T* allocate_watched() {
    void* block = ::operator new(sizeof(T), std::align_val_t{alignof(T)});
    blocks_.insert(reinterpret_cast<std::uintptr_t>(block));
    return static_cast<T*>(block);
  }
  // What is not in the set goes to the heap all the same: it knows best what is wrong with it.
  void deallocate_watched(T* object) noexcept {
    blocks_.erase(reinterpret_cast<std::uintptr_t>(object));
    ::operator delete(static_cast<void*>(object), std::align_val_t{alignof(T)});
  }

  detail::free_list free_;
  detail::pool_pages pages_;
  detail::address_set blocks_;  // under loam check
};

// Constructed objects for their next use: what an object has acquired (a buffer, a connection) stays with it.
// Thread safety: none. `Reset` is called with the object when it comes back; it must not throw.
template <class T, class Reset>
class object_cache {
 public:
  // Returns its object to the cache, which must outlive it.
  class returner {
   public:
    void operator()(T* object) const noexcept { cache_->put_back(object); }

   private:
    friend class object_cache;
    explicit returner(object_cache* cache) noexcept : cache_(cache) {}
    object_cache* cache_;
  };
  using handle = std::unique_ptr<T, returner>;

  // Keeps at most `most_idle` objects that nobody uses; more are destroyed when they come back.
  explicit object_cache(std::size_t most_idle, Reset reset = {},
                        std::pmr::memory_resource* upstream = std::pmr::new_delete_resource())
      : objects_(upstream), reset_(std::move(reset)), most_idle_(most_idle) {
    idle_.reserve(most_idle);
  }
  object_cache(const object_cache&) = delete;
  object_cache& operator=(const object_cache&) = delete;
  ~object_cache() {
    for (T* object : idle_) objects_.free(object);
  }

  // The object that came back last; if there is none, a new one from the arguments. O(1).
  template <class... Arguments>
  [[nodiscard]] handle acquire(Arguments&&... arguments) {
    if (idle_.empty()) return handle(objects_.make(std::forward<Arguments>(arguments)...), returner(this));
    T* object = idle_.back();
    idle_.pop_back();
    return handle(object, returner(this));
  }

  std::size_t idle() const noexcept { return idle_.size(); }
  std::size_t in_use() const noexcept { return objects_.live() - idle_.size(); }
  // Destroys what nobody uses.
  void trim() noexcept {
    for (T* object : idle_) objects_.free(object);
    idle_.clear();
  }

 private:
  void put_back(T* object) noexcept {
    reset_(*object);
    if (idle_.size() < most_idle_) {
      idle_.push_back(object);  // there is room for as many
    } else {
      objects_.free(object);
    }
  }

  pool<T> objects_;
  std::vector<T*> idle_;
  Reset reset_;
  std::size_t most_idle_;
};

}  // namespace loam

#endif
