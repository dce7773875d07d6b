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

#include <algorithm>
#include <array>
#include <bit>
#include <memory_resource>
#include <utility>

namespace loam {

class pool_resource final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t largest_pooled = 4096;

  // Takes nothing from upstream until the first block; then at least 64 KiB at a time, and of that 64 KiB for each size in use.
  explicit pool_resource(std::pmr::memory_resource* upstream = std::pmr::new_delete_resource()) noexcept
      : upstream_(upstream), sizes_(make_sizes(upstream, std::make_index_sequence<classes>())) {}
  pool_resource(const pool_resource&) = delete;
  pool_resource& operator=(const pool_resource&) = delete;
  ~pool_resource() override { release(); }

  // Gives all pages back to upstream: every block of up to largest_pooled bytes is gone. Larger ones are the caller's to
  // deallocate, as with std::pmr::monotonic_buffer_resource they are not remembered.
  void release() noexcept {
    for (sized& each : sizes_) {
      each.free.clear();
      each.pages.release();
    }
    blocks_.for_each([](std::uintptr_t block) { ::operator delete(reinterpret_cast<void*>(block)); });
    blocks_.clear();
  }

  // Whether the address lies in the pages, for any address at all. A look at the table of each size, about 200 ns.
  bool owns(const void* address) const noexcept {
    if (detail::watched) return blocks_.contains(reinterpret_cast<std::uintptr_t>(address));
    return std::any_of(sizes_.begin(), sizes_.end(),
                       [&](const sized& each) { return each.pages.contains(address); });
  }
  // Bytes taken from upstream for pages.
  std::size_t reserved() const noexcept {
    std::size_t bytes = 0;
    for (const sized& each : sizes_) bytes += each.pages.bytes();
    return bytes;
  }
  std::pmr::memory_resource* upstream_resource() const noexcept { return upstream_; }

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

  // The blocks of one size. 128 bytes, so that an array of them is indexed by a shift.
  struct alignas(128) sized {
    explicit sized(const detail::block_shape& its, std::pmr::memory_resource* upstream) noexcept
        : pages(upstream), shape(its) {}
    detail::free_list free;
    detail::pool_pages pages;
    detail::block_shape shape;
  };

  // sizes_[(bytes - 1) / step], in one instruction less: no shift to the right that another one undoes.
  sized& direct_class(std::size_t bytes) noexcept {
    const std::size_t offset = ((bytes - 1) & ~(step - 1)) * (sizeof(sized) / step);
    return *reinterpret_cast<sized*>(reinterpret_cast<std::byte*>(sizes_.data()) + offset);
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (alignment > step || bytes - 1 >= direct) [[unlikely]]
      return allocate_other(bytes, alignment);
    return take(direct_class(bytes), bytes);
  }
  void* take(sized& of, std::size_t bytes) {
    void* block;
    if (of.free.take_newest(block) || of.free.take_listed(block)) [[likely]]
      return block;
    return take_fresh(of, bytes);
  }
  [[gnu::noinline]] void* take_fresh(sized& of, std::size_t bytes) {
    if (detail::watched) [[unlikely]]
      return allocate_watched(bytes, step);
    void* block = nullptr;  // for a compiler that does not know that a fresh page has blocks
    if (of.free.take_fresh(of.shape, block)) return block;
    of.free.add(of.pages.add(of.shape), of.shape);
    of.free.take_fresh(of.shape, block);
    return block;
  }

  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    if (alignment > step || bytes - 1 >= direct) [[unlikely]]
      return deallocate_other(memory, bytes, alignment);
    sized& of = direct_class(bytes);
    if (!of.free.give(of.pages, of.shape, memory)) [[unlikely]]
      give(of, memory);
  }
  // With a look at all pages of the size. Under loam check there are none, so that all calls come here.
  [[gnu::noinline]] void give(sized& of, void* memory) noexcept {
    if (detail::watched) [[unlikely]]
      return deallocate_watched(memory, step);
    detail::block_state* state = of.pages.find(of.shape, memory);
    if (state == nullptr) return detail::refuse(pool_fault::foreign_pointer, memory);
    if (*state != detail::block_state::live || !of.free.give(memory, state))
      detail::refuse(pool_fault::double_free, memory);
  }

  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  // Sizes of 0 and above `direct`, and alignments above `step`.
  [[gnu::noinline]] void* allocate_other(std::size_t bytes, std::size_t alignment) {
    if (detail::watched) return allocate_watched(bytes, alignment);
    const std::size_t wanted = rounded(bytes, alignment);
    if (wanted > largest_pooled) return upstream_->allocate(bytes, alignment);
    return take(sizes_[class_of(wanted)], bytes);
  }
  [[gnu::noinline]] void deallocate_other(void* memory, std::size_t bytes, std::size_t alignment) {
    if (detail::watched) return deallocate_watched(memory, alignment);
    const std::size_t wanted = rounded(bytes, alignment);
    if (wanted > largest_pooled) return upstream_->deallocate(memory, bytes, alignment);
    give(sizes_[class_of(wanted)], memory);
  }

  [[gnu::cold]] void* allocate_watched(std::size_t bytes, std::size_t alignment) {
    if (alignment > alignof(std::max_align_t)) return ::operator new(bytes, std::align_val_t{alignment});
    void* block = ::operator new(bytes);
    blocks_.insert(reinterpret_cast<std::uintptr_t>(block));
    return block;
  }
  [[gnu::cold]] void deallocate_watched(void* block, std::size_t alignment) {
    blocks_.erase(reinterpret_cast<std::uintptr_t>(block));
    if (alignment > alignof(std::max_align_t)) {
      ::operator delete(block, std::align_val_t{alignment});
    } else {
      ::operator delete(block);
    }
  }

  template <std::size_t... Index>
  static std::array<sized, classes> make_sizes(std::pmr::memory_resource* upstream,
                                               std::index_sequence<Index...>) noexcept {
    static constexpr detail::block_shape shapes[] = {detail::pool_pages::shape_of(size_of(Index))...};
    return {sized(shapes[Index], upstream)...};
  }

  std::pmr::memory_resource* upstream_;
  std::array<sized, classes> sizes_;
  detail::address_set blocks_;  // under loam check
};

}  // namespace loam

#endif
