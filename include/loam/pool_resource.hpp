// pool_resource.hpp - a std::pmr::memory_resource for objects of any size that are given back one by one.
//
// Small sizes come from free lists in self-aligned pages, larger ones from upstream. What std::pmr::unsynchronized_pool_resource
// is for, five to ten times faster, and with refusal of double frees and of pointers that it does not own.
//
// Invariant: a block is in its size's free list or the program's. Thread safety: none. Under `loam check` each block is a heap
// block of its own (see pool.hpp).
#ifndef LOAM_POOL_RESOURCE_HPP
#define LOAM_POOL_RESOURCE_HPP

#include <loam/detail/address_set.hpp>
#include <loam/detail/pool_pages.hpp>

#include <array>
#include <bit>
#include <memory_resource>

namespace loam {

class pool_resource final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t largest_pooled = 4096;

  // Takes nothing from upstream until the first block; then at least 64 KiB at a time, and of that 64 KiB for each size in use.
  explicit pool_resource(std::pmr::memory_resource* upstream = std::pmr::new_delete_resource()) noexcept
      : pages_(upstream) {}
  pool_resource(const pool_resource&) = delete;
  pool_resource& operator=(const pool_resource&) = delete;
  ~pool_resource() override { release(); }

  // Gives all pages back to upstream: every block of up to largest_pooled bytes is gone. Larger ones are the caller's to
  // deallocate, as with std::pmr::monotonic_buffer_resource they are not remembered.
  void release() noexcept {
    for (detail::free_list& list : lists_) list.clear();
    pages_.release();
    blocks_.for_each([](std::uintptr_t block) { ::operator delete(reinterpret_cast<void*>(block)); });
    blocks_.clear();
  }

  // Whether the address lies in the pages, for any address at all. O(1).
  bool owns(const void* address) const noexcept {
    return detail::watched ? blocks_.contains(reinterpret_cast<std::uintptr_t>(address))
                           : pages_.contains(address);
  }
  // Bytes taken from upstream for pages.
  std::size_t reserved() const noexcept { return pages_.bytes(); }
  std::pmr::memory_resource* upstream_resource() const noexcept { return pages_.upstream(); }

 private:
  // 16 bytes apart up to 512, then four a doubling.
  static constexpr std::size_t step = 16;
  static constexpr std::size_t direct = 512;
  static constexpr std::size_t direct_classes = direct / step;
  static constexpr std::size_t classes = direct_classes + 4 * 3;
  static_assert(direct << 3 == largest_pooled);

  static std::size_t class_of(std::size_t bytes) noexcept {
    if (bytes <= direct) [[likely]]
      return (bytes - (bytes != 0)) / step;
    const auto exponent = static_cast<std::size_t>(std::bit_width(bytes - 1)) - 1;
    return direct_classes + (exponent - 9) * 4 + ((bytes - 1) >> (exponent - 2)) - 4;
  }
  static constexpr std::size_t size_of(std::size_t index) noexcept {
    if (index < direct_classes) return (index + 1) * step;
    const std::size_t above = index - direct_classes;
    return ((above % 4) + 5) << (above / 4 + 7);
  }
  // The blocks of a size are aligned to the largest power of two in it; rounding the size up to the alignment therefore aligns.
  static std::size_t rounded(std::size_t bytes, std::size_t alignment) noexcept {
    if (alignment <= step) [[likely]]
      return bytes;
    if (bytes > largest_pooled || alignment > largest_pooled) return largest_pooled + 1;
    // Classes above `direct` are multiples of a quarter of their power of two only: go to the power of two itself.
    const std::size_t wanted = (bytes + (bytes == 0) + alignment - 1) & ~(alignment - 1);
    return wanted <= direct ? wanted : std::bit_ceil(wanted);
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    const std::size_t wanted = rounded(bytes, alignment);
    if (wanted > largest_pooled || detail::watched) [[unlikely]]
      return allocate_elsewhere(bytes, alignment);
    const std::size_t index = class_of(wanted);
    void* block = lists_[index].take(shapes[index]);
    if (block == nullptr) [[unlikely]]
      block = add_page(index);
    return block;
  }

  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    const std::size_t wanted = rounded(bytes, alignment);
    if (wanted > largest_pooled || detail::watched) [[unlikely]]
      return deallocate_elsewhere(memory, bytes, alignment);
    const std::size_t index = class_of(wanted);
    detail::block_state* state = pages_.state_of(shapes[index], memory);
    if (state == nullptr || *state != detail::block_state::live) [[unlikely]]
      return detail::refuse(state == nullptr ? pool_fault::foreign_pointer : pool_fault::double_free, memory);
    lists_[index].give(memory, state);
  }

  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  [[gnu::cold, gnu::noinline]] void* add_page(std::size_t index) {
    lists_[index].add(pages_.add(shapes[index]), shapes[index]);
    return lists_[index].take(shapes[index]);
  }

  [[gnu::cold, gnu::noinline]] void* allocate_elsewhere(std::size_t bytes, std::size_t alignment) {
    if (!detail::watched) return pages_.upstream()->allocate(bytes, alignment);
    void* block = alignment > alignof(std::max_align_t) ? ::operator new(bytes, std::align_val_t{alignment})
                                                        : ::operator new(bytes);
    if (alignment <= alignof(std::max_align_t)) blocks_.insert(reinterpret_cast<std::uintptr_t>(block));
    return block;
  }
  [[gnu::cold, gnu::noinline]] void deallocate_elsewhere(void* block, std::size_t bytes,
                                                         std::size_t alignment) {
    if (!detail::watched) return pages_.upstream()->deallocate(block, bytes, alignment);
    blocks_.erase(reinterpret_cast<std::uintptr_t>(block));
    if (alignment > alignof(std::max_align_t)) {
      ::operator delete(block, std::align_val_t{alignment});
    } else {
      ::operator delete(block);
    }
  }

  static constexpr std::array<detail::block_shape, classes> make_shapes() noexcept {
    std::array<detail::block_shape, classes> all{};
    for (std::size_t i = 0; i < classes; ++i)
      all[i] = detail::pool_pages::shape_of(size_of(i), static_cast<std::uint16_t>(i));
    return all;
  }
  static const std::array<detail::block_shape, classes> shapes;

  std::array<detail::free_list, classes> lists_;
  detail::pool_pages pages_;
  detail::address_set blocks_;  // under loam check
};

inline constexpr std::array<detail::block_shape, pool_resource::classes> pool_resource::shapes =
    make_shapes();

}  // namespace loam

#endif
