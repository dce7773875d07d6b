// What the pools share: self-aligned pages cut into blocks of one size, the question whose page an address lies in, and the
// refusal of pointers that are not to be freed. Not for direct use.
//
// Invariant: a block is live exactly while its state is `live`. States lie outside of the pages: whether a block may be freed is told
// without waiting for its own line, which may be far away, and those of 100,000 blocks stay in the cache. (At the start of
// their pages, 64 KiB apart, they would all compete for the same few lines of it. In the free block itself they cost three times as
// much: the store that links a block in waits for nothing, the load that tests it does.)
// Locking: none, unless a function says otherwise.
#ifndef LOAM_DETAIL_POOL_PAGES_HPP
#define LOAM_DETAIL_POOL_PAGES_HPP

#include <loam/detail/page_table.hpp>
#include <loam/detail/watched.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory_resource>
#include <new>

namespace loam {

enum class pool_fault { double_free, foreign_pointer, damaged_fence };

// Called for a pointer that a pool refuses. When it returns, the call that was refused has changed nothing. The default
// prints what happened on standard error and aborts.
using pool_fault_handler = void (*)(pool_fault fault, const void* block);

namespace detail {

inline void abort_on_fault(pool_fault fault, const void* block) {
  const char* what = fault == pool_fault::double_free       ? "double free into a pool of"
                     : fault == pool_fault::foreign_pointer ? "free into a pool that does not own"
                                                            : "write outside of the object in a pool at";
  std::fprintf(stderr, "loam: %s %p\n", what, block);
  std::abort();
}

inline std::atomic<pool_fault_handler> fault_handler{&abort_on_fault};

[[gnu::cold, gnu::noinline]] inline void refuse(pool_fault fault, const void* block) {
  fault_handler.load(std::memory_order_acquire)(fault, block);
}

enum class block_state : std::uint8_t;

// What a block holds while it is free. Where its state is stands with it: taking a block then asks for no page.
struct free_block {
  free_block* next;
  block_state* state;
};
constexpr std::size_t least_block = sizeof(free_block);

// Not `unsigned char`: the compiler would take each store of one for a change of everything that it holds in registers.
enum class block_state : std::uint8_t { free, live };

// How the blocks of one size lie in a page. The multiplication instead of a division is exact for all offsets in a page (D. Lemire
// et al., "Faster remainder by direct computation", 2019).
struct block_shape {
  std::uint32_t size;
  std::uint32_t inverse;  // ceil(2^32 / size)
  std::uint32_t count;    // of blocks in a page
  std::uint16_t kind;     // of the pages

  // Of the block that the offset lies in; behind the last block a number above any.
  constexpr std::uint32_t index_of(std::uint32_t offset) const noexcept {
    return static_cast<std::uint32_t>(std::uint64_t{offset} * inverse >> 32);
  }
  constexpr bool is_start(std::uint32_t offset, std::uint32_t index) const noexcept {
    return index * size == offset && index < count;
  }
};

// Pages of 64 KiB at multiples of 64 KiB, all of one owner. Upstream is asked for one, and the more there are for the more at a time,
// up to 2 MiB.
class pool_pages {
 public:
  static constexpr std::size_t page_bytes = page_table::page_bytes;

  // What is known of a page; lies elsewhere.
  struct page {
    page* previous;
    std::byte* blocks;  // the page itself
    std::size_t count;  // of blocks
    block_state* states() noexcept { return reinterpret_cast<block_state*>(this + 1); }
    std::byte* block(const block_shape& shape, std::uint32_t index) const noexcept {
      return blocks + std::size_t{index} * shape.size;
    }
  };

  // Requires: size is at least least_block and at most an eighth of a page.
  static constexpr block_shape shape_of(std::size_t size, std::uint16_t kind = 0) noexcept {
    return {static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(~std::uint32_t{0} / size + 1),
            static_cast<std::uint32_t>(page_bytes / size), kind};
  }

  explicit pool_pages(std::pmr::memory_resource* upstream) noexcept : upstream_(upstream) {}
  pool_pages(const pool_pages&) = delete;
  pool_pages& operator=(const pool_pages&) = delete;
  ~pool_pages() { release(); }

  // Whether the address, any at all, lies in one of the pages. May run while another thread adds a page, as is_block().
  bool contains(const void* address) const noexcept {
    return table_.contains(reinterpret_cast<std::uintptr_t>(address));
  }

  // The state of the block of this shape that starts at the address, any at all, which is not read. Null: none starts there.
  // May run while another thread adds a page.
  block_state* state_of(const block_shape& shape, const void* address) const noexcept {
    page* on = find(shape, address);
    if (on == nullptr) [[unlikely]]
      return nullptr;
    const std::uint32_t offset = offset_of(address);
    const std::uint32_t index = shape.index_of(offset);
    return shape.is_start(offset, index) ? on->states() + index : nullptr;
  }
  static std::uint32_t offset_of(const void* address) noexcept {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(address) & (page_bytes - 1));
  }

  // All blocks of the page are free. Throws what upstream does, and has changed nothing then.
  page* add(const block_shape& shape) {
    if (chunk_ == nullptr || chunk_->used == chunk_->count) add_chunk();
    const std::size_t record_bytes = sizeof(page) + shape.count;
    auto* record = static_cast<page*>(upstream_->allocate(record_bytes, alignof(page)));
    std::byte* blocks = chunk_->start + chunk_->used * page_bytes;
    try {
      table_.insert(reinterpret_cast<std::uintptr_t>(blocks), shape.kind, record);
    } catch (...) {
      upstream_->deallocate(record, record_bytes, alignof(page));
      throw;
    }
    *record = {newest_, blocks, shape.count};
    std::fill_n(record->states(), shape.count, block_state::free);
    newest_ = record;
    ++chunk_->used;
    return record;
  }

  page* newest() const noexcept { return newest_; }
  std::size_t bytes() const noexcept { return count_ * page_bytes; }
  std::pmr::memory_resource* upstream() const noexcept { return upstream_; }

  void release() noexcept {
    table_.clear();
    while (newest_ != nullptr) {
      page* gone = newest_;
      newest_ = gone->previous;
      upstream_->deallocate(gone, sizeof(page) + gone->count, alignof(page));
    }
    while (chunk_ != nullptr) {
      chunk* gone = chunk_;
      chunk_ = gone->previous;
      upstream_->deallocate(gone->start, gone->count * page_bytes, page_bytes);
      upstream_->deallocate(gone, sizeof(chunk), alignof(chunk));
    }
    count_ = 0;
  }

 private:
  static constexpr std::size_t most_pages = 32;

  struct chunk {
    chunk* previous;
    std::size_t count;  // of pages
    std::size_t used;
    std::byte* start;
  };

  // A quarter of what there is more.
  void add_chunk() {
    const std::size_t pages = std::clamp<std::size_t>(count_ / 4, 1, most_pages);
    auto* record = static_cast<chunk*>(upstream_->allocate(sizeof(chunk), alignof(chunk)));
    try {
      *record = {chunk_, pages, 0,
                 static_cast<std::byte*>(upstream_->allocate(pages * page_bytes, page_bytes))};
    } catch (...) {
      upstream_->deallocate(record, sizeof(chunk), alignof(chunk));
      throw;
    }
    chunk_ = record;
    count_ += pages;
  }

  page* find(const block_shape& shape, const void* address) const noexcept {
    return static_cast<page*>(table_.find(reinterpret_cast<std::uintptr_t>(address), shape.kind));
  }

  std::pmr::memory_resource* upstream_;
  page* newest_ = nullptr;
  chunk* chunk_ = nullptr;  // the newest
  std::size_t count_ = 0;   // of pages, those not yet in use included
  page_table table_;        // the pages in use, with their records
};

// The free blocks of one size: those given back, the newest first, then those of the newest page that never were handed out.
class free_list {
 public:
  // A block, live from now on. Null when a page is wanted (see add).
  void* take(const block_shape& shape) noexcept {
    free_block* block = first_;
    if (block == nullptr) [[unlikely]]
      return take_fresh(shape);
    first_ = block->next;
    *block->state = block_state::live;
    return block;
  }
  // Requires: `state` is the live block's.
  void give(void* memory, block_state* state) noexcept {
    *state = block_state::free;
    auto* block = static_cast<free_block*>(memory);
    block->state = state;
    push(block);
  }

  // The same without a change of the state: a block that is free, here and elsewhere.
  free_block* pop(const block_shape& shape) noexcept {
    free_block* block = first_;
    if (block != nullptr) {
      first_ = block->next;
    } else if (void* fresh = take_fresh(shape)) {
      block = static_cast<free_block*>(fresh);
      block->state = fresh_state_ - 1;
      *block->state = block_state::free;
    }
    return block;
  }
  void push(free_block* block) noexcept {
    block->next = first_;
    first_ = block;
  }

  // Requires: no block is left that never was handed out.
  void add(pool_pages::page* page, const block_shape& shape) noexcept {
    fresh_ = page->blocks;
    end_ = page->block(shape, shape.count);
    fresh_state_ = page->states();
  }
  void clear() noexcept { *this = {}; }

 private:
  void* take_fresh(const block_shape& shape) noexcept {
    if (fresh_ == end_) return nullptr;
    void* block = fresh_;
    fresh_ += shape.size;
    *fresh_state_++ = block_state::live;
    return block;
  }

  free_block* first_ = nullptr;
  std::byte* fresh_ = nullptr;
  std::byte* end_ = nullptr;
  block_state* fresh_state_ = nullptr;
};

}  // namespace detail

// Returns the handler before. Null: the default again. Thread-safe.
inline pool_fault_handler set_pool_fault_handler(pool_fault_handler handler) noexcept {
  return detail::fault_handler.exchange(handler == nullptr ? &detail::abort_on_fault : handler,
                                        std::memory_order_acq_rel);
}

}  // namespace loam

#endif
