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

#include <loam/detail/shared_blocks.hpp>

#include <algorithm>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>

namespace loam {

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
    void* block;
    if (blocks_.take(block)) [[likely]]
      return static_cast<T*>(block);
    return allocate_slow();
  }

  // By any thread. Requires: allocate() returned the object; else it is refused.
  void deallocate(T* object) noexcept {
    if (!blocks_.give(shape, object)) [[unlikely]]
      deallocate_slow(object);
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
    if (object == nullptr) return;
    if constexpr (!std::is_trivially_destructible_v<T>) {
      if (!blocks_.is_live(shape, object) && !may_be_freed(object)) [[unlikely]]
        return;
      object->~T();
    }
    deallocate(object);
  }

  // Whether the address lies in the pool's pages; any address may be asked for. O(1), no lock. Under `loam check` never.
  bool owns(const void* address) const noexcept { return blocks_.contains(address); }
  std::size_t reserved() const { return blocks_.reserved(); }

 private:
  static constexpr detail::block_shape shape = detail::pool_pages::shape_of(block_bytes);

  // Under loam check no thread has a list and the pool no page, so that all calls come to these.
  [[gnu::cold, gnu::noinline]] T* allocate_slow() {
    if (detail::watched) return static_cast<T*>(::operator new(sizeof(T), std::align_val_t{alignof(T)}));
    return static_cast<T*>(blocks_.take_slow());
  }
  [[gnu::cold, gnu::noinline]] void deallocate_slow(T* object) noexcept {
    if (detail::watched) return ::operator delete(static_cast<void*>(object), std::align_val_t{alignof(T)});
    blocks_.give_slow(object);
  }
  [[gnu::cold, gnu::noinline]] bool may_be_freed(const T* object) const noexcept {
    return detail::watched || blocks_.may_be_freed(object);
  }

  detail::shared_blocks blocks_;
};

}  // namespace loam

#endif
