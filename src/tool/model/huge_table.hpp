// Memory for tables that are looked into at random: where they are large, of huge pages, since with small ones each look would cost a
// walk of the page tables as well. Thread safety: no state.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace loam::tool {

// Bytes: smaller tables are in the cache, and so are their page tables.
inline constexpr std::size_t kLeastHuge = std::size_t{256} << 10;

// As loam::detail::table_memory asks: whole pages, zero where new.
void* huge_table(void* old, std::size_t old_bytes, std::size_t new_bytes);

// The same for containers.
template <class T>
struct HugeAllocator {
  using value_type = T;
  HugeAllocator() = default;
  template <class Other>
  HugeAllocator(const HugeAllocator<Other>&) {}
  T* allocate(std::size_t count) {
    if (count * sizeof(T) < kLeastHuge) return std::allocator<T>().allocate(count);
    void* made = huge_table(nullptr, 0, count * sizeof(T));
    if (made == nullptr) throw std::bad_alloc();
    return static_cast<T*>(made);
  }
  void deallocate(T* at, std::size_t count) {
    if (count * sizeof(T) < kLeastHuge) return std::allocator<T>().deallocate(at, count);
    huge_table(at, count * sizeof(T), 0);
  }
  bool operator==(const HugeAllocator&) const = default;
};

}  // namespace loam::tool
