// arena_resource.hpp - an arena as memory for containers.
//
//   loam::arena_resource    a std::pmr::memory_resource
//   loam::arena_allocator   a standard allocator, without a virtual call
//
// Both refer to an arena that must outlive them and what they gave. Thread safety: none, as the arena's.
#ifndef LOAM_ARENA_RESOURCE_HPP
#define LOAM_ARENA_RESOURCE_HPP

#include <loam/arena.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>

namespace loam {

// An arena as a std::pmr::memory_resource. Deallocation takes back the block allocated last, and ignores others.
class arena_resource final : public std::pmr::memory_resource {
 public:
  explicit arena_resource(arena& of) noexcept : arena_(&of) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    return arena_->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t) override {
    arena_->give_back(block, bytes);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    const auto* same = dynamic_cast<const arena_resource*>(&other);
    return same != nullptr && same->arena_ == arena_;
  }
  arena* arena_;
};

// An arena as a standard allocator, without a virtual call.
template <class T>
class arena_allocator {
 public:
  using value_type = T;
  explicit arena_allocator(arena& of) noexcept : arena_(&of) {}
  template <class Other>
  arena_allocator(const arena_allocator<Other>& other) noexcept : arena_(other.memory()) {}

  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > std::size_t{PTRDIFF_MAX} / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(arena_->allocate(count * sizeof(T), alignof(T)));
  }
  void deallocate(T* block, std::size_t count) noexcept { arena_->give_back(block, count * sizeof(T)); }
  arena* memory() const noexcept { return arena_; }
  template <class Other>
  bool operator==(const arena_allocator<Other>& other) const noexcept {
    return arena_ == other.memory();
  }

 private:
  arena* arena_;
};

}  // namespace loam

#endif
