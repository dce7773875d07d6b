// policy.hpp - memory for containers under a placement policy of the textbooks, in a region of its own.
//
//   loam::policy_resource<loam::policy::best_fit> memory;        // grows in a window of addresses
//   std::pmr::vector<int> numbers(&memory);
//   loam::policy_resource<loam::policy::tlsf> fixed(buffer);     // or lies in memory that is given: bounded, no system calls
//
// The policies: first_fit, next_fit, best_fit, worst_fit, buddy, segregated, tlsf (docs/policies.md says what each is good for).
// Each finds and frees a block in O(log n) or better, joins free blocks at once, and writes nothing into the region: what it knows
// of the blocks lies outside, so that a double free and a foreign pointer are refused as pools refuse them (pool_fault_handler).
//
// Thread safety: none. Under `loam check` each block is a heap block of its own (see pool.hpp).
#ifndef LOAM_POLICY_HPP
#define LOAM_POLICY_HPP

#include <loam/detail/address_set.hpp>
#include <loam/detail/policy_map_table.hpp>
#include <loam/detail/policy_region.hpp>
#include <loam/detail/pool_pages.hpp>

#include <memory_resource>
#include <new>
#include <span>

namespace loam {

using policy = detail::policy_kind;

struct policy_options {
  std::size_t header = 0;      // bytes that each block takes for itself, as in an allocator with headers
  std::size_t minimum = 16;    // smallest block, header included
  std::size_t alignment = 16;  // of every block: a power of two from 16 on
  std::size_t window = std::size_t{1}
                       << 36;  // addresses to grow in, of which only what is used costs anything
  std::size_t grow_step = std::size_t{64} << 10;  // a power of two from 4096 on
  std::size_t shrink_above = std::size_t{256}
                             << 10;  // given back when so much is free at the region's end, 0: never
};

struct policy_figures {
  std::size_t region_bytes;
  std::size_t free_bytes;
  std::size_t free_blocks;
  std::size_t largest_free;
  std::size_t table_bytes;  // outside of the region
  std::uint64_t searches;
  std::uint64_t steps;  // places looked at in all searches
  std::uint64_t splits;
  std::uint64_t merges;
};

template <policy Which>
class policy_resource final : public std::pmr::memory_resource {
 public:
  // Throws std::bad_alloc if there are no addresses for the window.
  explicit policy_resource(const policy_options& options = {}) : window_(whole_pages(options.window)) {
    start_ = ::mmap(nullptr, window_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start_ == MAP_FAILED) throw std::bad_alloc();
    limit_ = address(start_) + window_;
    open(options, {this, extend, shrink}, address(start_));
  }
  // In memory that outlives the resource; when it is used up, std::bad_alloc is thrown.
  explicit policy_resource(std::span<std::byte> memory, policy_options options = {}) {
    given_ = memory;
    options.grow_step = page;
    options.shrink_above = 0;
    const std::uint64_t first = (address(memory.data()) + page - 1) & ~std::uint64_t{page - 1};
    limit_ = address(memory.data()) + memory.size();
    open(options, {this, extend_given, nullptr}, first);
  }
  policy_resource(const policy_resource&) = delete;
  policy_resource& operator=(const policy_resource&) = delete;
  ~policy_resource() override {
    region_.close();
    blocks_.for_each([](std::uintptr_t block) { ::operator delete(reinterpret_cast<void*>(block)); });
    if (window_ != 0) ::munmap(start_, window_);
  }

  // Whether a live block starts there, for any address at all.
  bool owns(const void* block) const noexcept {
    return detail::watched ? blocks_.contains(reinterpret_cast<std::uintptr_t>(block))
                           : region_.is_live(address(block));
  }
  policy_figures figures() noexcept {
    const detail::policy_counters counts = region_.counters();
    return {static_cast<std::size_t>(region_.end() - region_.begin()),
            static_cast<std::size_t>(region_.free_bytes()),
            static_cast<std::size_t>(counts.free_blocks),
            static_cast<std::size_t>(region_.largest_free()),
            region_.table_bytes(),
            counts.searches,
            counts.steps,
            counts.splits,
            counts.merges};
  }

 private:
  static constexpr std::size_t page = 4096;

  static std::uint64_t address(const void* pointer) noexcept {
    return reinterpret_cast<std::uint64_t>(pointer);
  }
  static std::size_t whole_pages(std::size_t bytes) noexcept { return (bytes + page - 1) & ~(page - 1); }

  void open(const policy_options& options, detail::page_source source, std::uint64_t first) {
    detail::policy_settings settings;
    settings.alignment = options.alignment < 16 ? 16 : options.alignment;
    settings.header = options.header;
    settings.minimum = options.minimum;
    settings.grow_step = options.grow_step;
    settings.shrink_above = options.shrink_above;
    // TLSF has two links for each smallest block.
    if (Which == policy::tlsf && settings.minimum < 32) settings.minimum = 32;
    region_.open(settings, source, detail::map_table, first);
  }

  static std::uint64_t extend(void* self, std::uint64_t end, std::uint64_t bytes) {
    const auto& mine = *static_cast<policy_resource*>(self);
    if (mine.limit_ - end < bytes) return 0;
    void* at = reinterpret_cast<void*>(end);
    return ::mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0 ? end : 0;
  }
  static bool shrink(void*, std::uint64_t end, std::uint64_t from) {
    void* at = reinterpret_cast<void*>(from);
    return ::madvise(at, end - from, MADV_DONTNEED) == 0 && ::mprotect(at, end - from, PROT_NONE) == 0;
  }
  static std::uint64_t extend_given(void* self, std::uint64_t end, std::uint64_t bytes) {
    const auto& mine = *static_cast<policy_resource*>(self);
    return end > mine.limit_ || mine.limit_ - end < bytes ? 0 : end;
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (detail::watched) [[unlikely]]
      return allocate_watched(bytes, alignment);
    const std::uint64_t block = region_.allocate(bytes, alignment);
    if (block == 0) throw std::bad_alloc();
    return reinterpret_cast<void*>(block);
  }
  void do_deallocate(void* block, std::size_t, std::size_t alignment) override {
    if (detail::watched) [[unlikely]]
      return deallocate_watched(block, alignment);
    if (region_.release(address(block))) return;
    const detail::policy_block found = region_.find(address(block));
    const bool freed = found.address != 0 && !found.live;
    detail::refuse(freed ? pool_fault::double_free : pool_fault::foreign_pointer, block);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  [[gnu::cold, gnu::noinline]] void* allocate_watched(std::size_t bytes, std::size_t alignment) {
    if (alignment > alignof(std::max_align_t)) return ::operator new(bytes, std::align_val_t{alignment});
    void* block = ::operator new(bytes);
    blocks_.insert(reinterpret_cast<std::uintptr_t>(block));
    return block;
  }
  [[gnu::cold, gnu::noinline]] void deallocate_watched(void* block, std::size_t alignment) {
    if (alignment > alignof(std::max_align_t)) return ::operator delete(block, std::align_val_t{alignment});
    blocks_.erase(reinterpret_cast<std::uintptr_t>(block));
    ::operator delete(block);
  }

  using chosen = std::remove_pointer_t<decltype(detail::policy_type<Which>())>;

  std::span<std::byte> given_;
  void* start_ = nullptr;
  std::size_t window_ = 0;
  std::uint64_t limit_ = 0;
  detail::policy_region<chosen> region_;
  detail::address_set blocks_;  // under loam check
};

}  // namespace loam

#endif
