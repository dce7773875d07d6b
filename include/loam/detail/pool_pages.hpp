// What the pools share: self-aligned pages cut into blocks of one size, the question whose page an address lies in, and the
// refusal of pointers that are not to be freed. Not for direct use.
//
// Invariant: a block is live exactly while its state byte is 1. States lie outside of the pages: whether a block may be freed is told
// without waiting for its own line, which may be far away, and those of 100,000 blocks stay in the cache. (At the start of
// their pages, 64 KiB apart, they would all compete for the same few lines of it.)
// Locking: none, unless a function says otherwise.
#ifndef LOAM_DETAIL_POOL_PAGES_HPP
#define LOAM_DETAIL_POOL_PAGES_HPP

#include <sys/auxv.h>
#include <loam/detail/watched.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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

// Different in each process, the same for all pools: what addresses are mixed with that must not hold a block.
inline std::uintptr_t make_secret() noexcept {
  std::uintptr_t secret = 0;
  if (const auto* random = reinterpret_cast<const void*>(getauxval(AT_RANDOM)))
    std::memcpy(&secret, random, sizeof secret);
  return secret | 1;
}
inline const std::uintptr_t secret = make_secret();

struct free_block {
  free_block* next;
};

constexpr std::size_t least_block = sizeof(free_block);

// Addresses, each with a value. They are mixed with the secret, so that a table of blocks keeps none of them from being a leak.
// contains() and find() may run while one other thread inserts; erase() and clear() may not.
class address_map {
 public:
  address_map() = default;
  address_map(const address_map&) = delete;
  address_map& operator=(const address_map&) = delete;
  ~address_map() { clear(); }

  // Null if the address is not there, or its value is null.
  void* find(std::uintptr_t address) const noexcept {
    const table* at = table_.load(std::memory_order_acquire);
    if (at == nullptr) return nullptr;
    for (std::size_t i = slot_of(address, at->log);; i = (i + 1) & at->mask()) {
      const std::uintptr_t key = at->entries[i].key.load(std::memory_order_acquire);
      if (key == (address ^ secret)) return at->entries[i].value;
      if (key == 0) return nullptr;
    }
  }

  // Requires: the address is not there, and is not 0. Throws std::bad_alloc, and has changed nothing then.
  void insert(std::uintptr_t address, void* value) {
    table* at = table_.load(std::memory_order_relaxed);
    if (at == nullptr || (used_ + 1) * 2 > at->mask()) at = grow();
    put(*at, address ^ secret, value);
    ++used_;
  }

  // Returns false if it is not there.
  bool erase(std::uintptr_t address) noexcept {
    table* at = table_.load(std::memory_order_relaxed);
    if (at == nullptr) return false;
    std::size_t i = slot_of(address, at->log);
    while (at->key(i) != (address ^ secret)) {
      if (at->key(i) == 0) return false;
      i = (i + 1) & at->mask();
    }
    close_gap(*at, i);
    --used_;
    return true;
  }

  template <class Visit>
  void for_each(Visit&& visit) const {
    const table* at = table_.load(std::memory_order_acquire);
    for (std::size_t i = 0; at != nullptr && i <= at->mask(); ++i) {
      if (const std::uintptr_t key = at->key(i); key != 0) visit(key ^ secret);
    }
  }

  std::size_t size() const noexcept { return used_; }
  void clear() noexcept {
    for (table* at = table_.exchange(nullptr, std::memory_order_relaxed); at != nullptr;) {
      table* older = at->older;
      ::operator delete(at);
      at = older;
    }
    used_ = 0;
  }

 private:
  struct table {
    table* older;  // kept: another thread may be looking into it
    unsigned log;
    struct entry {
      std::atomic<std::uintptr_t> key{0};
      void* value = nullptr;  // written before the key, and not again
    } entries[1];
    std::size_t mask() const noexcept { return (std::size_t{1} << log) - 1; }
    std::uintptr_t key(std::size_t i) const noexcept {
      return entries[i].key.load(std::memory_order_relaxed);
    }
  };

  // Pages are multiples of 64 KiB, blocks of 16: the multiplication spreads both.
  static std::size_t slot_of(std::uintptr_t address, unsigned log) noexcept {
    return static_cast<std::size_t>((address * 0x9e3779b97f4a7c15u) >> (64 - log));
  }
  static void put(table& into, std::uintptr_t key, void* value) noexcept {
    std::size_t i = slot_of(key ^ secret, into.log);
    while (into.key(i) != 0) i = (i + 1) & into.mask();
    into.entries[i].value = value;
    into.entries[i].key.store(key, std::memory_order_release);
  }
  table* grow() {
    table* old = table_.load(std::memory_order_relaxed);
    const unsigned log = old == nullptr ? 4 : old->log + 1;
    const std::size_t entries = std::size_t{1} << log;
    auto* fresh = static_cast<table*>(::operator new(sizeof(table) + (entries - 1) * sizeof(table::entry)));
    fresh->older = old;
    fresh->log = log;
    for (std::size_t i = 0; i < entries; ++i) new (&fresh->entries[i]) table::entry;
    for (std::size_t i = 0; old != nullptr && i <= old->mask(); ++i) {
      if (const std::uintptr_t key = old->key(i); key != 0) put(*fresh, key, old->entries[i].value);
    }
    table_.store(fresh, std::memory_order_release);
    return fresh;
  }
  // Entries behind a gap move up, or a search would end there. (D. Knuth, The Art of Computer Programming 3, 6.4 R.)
  static void close_gap(table& in, std::size_t gap) noexcept {
    for (std::size_t i = (gap + 1) & in.mask();; i = (i + 1) & in.mask()) {
      const std::uintptr_t key = in.key(i);
      if (key == 0) break;
      const std::size_t wanted = slot_of(key ^ secret, in.log);
      if (((i - wanted) & in.mask()) < ((i - gap) & in.mask())) continue;
      in.entries[gap].key.store(key, std::memory_order_relaxed);
      in.entries[gap].value = in.entries[i].value;
      gap = i;
    }
    in.entries[gap].key.store(0, std::memory_order_relaxed);
  }

  std::atomic<table*> table_{nullptr};
  std::size_t used_ = 0;
};

constexpr unsigned char block_free = 0;
constexpr unsigned char block_live = 1;

// How the blocks of one size lie in a page. The multiplication instead of a division is exact for all offsets in a page (D. Lemire
// et al., "Faster remainder by direct computation", 2019).
struct block_shape {
  std::uint32_t size;
  std::uint32_t inverse;  // ceil(2^32 / size)
  std::uint32_t count;    // of blocks in a page

  // Of the block that the offset lies in; behind the last block a number above any.
  constexpr std::uint32_t index_of(std::uint32_t offset) const noexcept {
    return static_cast<std::uint32_t>(std::uint64_t{offset} * inverse >> 32);
  }
  constexpr bool is_start(std::uint32_t offset, std::uint32_t index) const noexcept {
    return index * size == offset && index < count;
  }
};

// Pages of 64 KiB at multiples of 64 KiB, all of one owner.
class pool_pages {
 public:
  static constexpr std::size_t page_bytes = std::size_t{64} << 10;

  // What is known of a page; lies elsewhere.
  struct page {
    page* previous;
    std::byte* blocks;  // the page itself
    std::size_t count;  // of blocks
    unsigned char* states() noexcept { return reinterpret_cast<unsigned char*>(this + 1); }
    std::byte* block(const block_shape& shape, std::uint32_t index) const noexcept {
      return blocks + std::size_t{index} * shape.size;
    }
  };

  // The page that was asked for last, for whoever asks for it again.
  struct seen_page {
    std::uintptr_t start = 1;
    page* at = nullptr;
  };

  // Requires: size is at most an eighth of a page.
  static constexpr block_shape shape_of(std::size_t size) noexcept {
    return {static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(~std::uint32_t{0} / size + 1),
            static_cast<std::uint32_t>(page_bytes / size)};
  }

  explicit pool_pages(std::pmr::memory_resource* upstream) noexcept : upstream_(upstream) {}
  pool_pages(const pool_pages&) = delete;
  pool_pages& operator=(const pool_pages&) = delete;
  ~pool_pages() { release(); }

  // Null if the address lies in none of the pages; any address may be asked for, and is not read. O(1); may run while another thread
  // adds a page.
  page* find(const void* address, seen_page& seen) const noexcept {
    const std::uintptr_t start = start_of(address);
    if (start == seen.start) return seen.at;
    auto* found = static_cast<page*>(map_.find(start));
    if (found != nullptr) seen = {start, found};
    return found;
  }
  bool contains(const void* address) const noexcept { return map_.find(start_of(address)) != nullptr; }

  static std::uint32_t offset_of(const void* address) noexcept {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(address) & (page_bytes - 1));
  }

  // All blocks of the page are free. Throws what upstream does, and has changed nothing then.
  page* add(const block_shape& shape) {
    const std::size_t record_bytes = sizeof(page) + shape.count;
    auto* record = static_cast<page*>(upstream_->allocate(record_bytes, alignof(page)));
    void* blocks = nullptr;
    try {
      blocks = upstream_->allocate(page_bytes, page_bytes);
      map_.insert(reinterpret_cast<std::uintptr_t>(blocks), record);
    } catch (...) {
      if (blocks != nullptr) upstream_->deallocate(blocks, page_bytes, page_bytes);
      upstream_->deallocate(record, record_bytes, alignof(page));
      throw;
    }
    *record = {newest_, static_cast<std::byte*>(blocks), shape.count};
    std::memset(record->states(), block_free, shape.count);
    newest_ = record;
    ++count_;
    return record;
  }

  page* newest() const noexcept { return newest_; }
  std::size_t bytes() const noexcept { return count_ * page_bytes; }
  std::pmr::memory_resource* upstream() const noexcept { return upstream_; }

  void release() noexcept {
    map_.clear();
    while (newest_ != nullptr) {
      page* gone = newest_;
      newest_ = gone->previous;
      upstream_->deallocate(gone->blocks, page_bytes, page_bytes);
      upstream_->deallocate(gone, sizeof(page) + gone->count, alignof(page));
    }
    count_ = 0;
  }

 private:
  static std::uintptr_t start_of(const void* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address) & ~std::uintptr_t{page_bytes - 1};
  }

  std::pmr::memory_resource* upstream_;
  page* newest_ = nullptr;
  std::size_t count_ = 0;
  address_map map_;  // start of a page to its record
};

// Where a pointer that is to be freed has its state; null: no block of these pages starts there.
inline unsigned char* state_of(const pool_pages& pages, const block_shape& shape, const void* block,
                               pool_pages::seen_page& seen) noexcept {
  pool_pages::page* on = pages.find(block, seen);
  if (on == nullptr) return nullptr;
  const std::uint32_t offset = pool_pages::offset_of(block);
  const std::uint32_t index = shape.index_of(offset);
  return shape.is_start(offset, index) ? on->states() + index : nullptr;
}

// The same of a block that is known to be of these pages.
inline unsigned char* state_of_own(const pool_pages& pages, const block_shape& shape, const void* block,
                                   pool_pages::seen_page& seen) noexcept {
  return pages.find(block, seen)->states() + shape.index_of(pool_pages::offset_of(block));
}

// The free blocks of one size: those given back, the newest first, then those of the newest page that never were handed out.
// Knows nothing of states.
class free_list {
 public:
  // Null when a page is wanted (see add).
  void* take(const block_shape& shape) noexcept {
    free_block* block = first_;
    if (block == nullptr) [[unlikely]]
      return take_fresh(shape);
    first_ = block->next;
    return block;
  }
  void give(void* memory) noexcept {
    auto* block = static_cast<free_block*>(memory);
    block->next = first_;
    first_ = block;
  }

  void add(pool_pages::page* page) noexcept {
    page_ = page;
    fresh_ = 0;
  }
  bool has_fresh(const block_shape& shape) const noexcept { return page_ != nullptr && fresh_ < shape.count; }
  void clear() noexcept { *this = {}; }

 private:
  void* take_fresh(const block_shape& shape) noexcept {
    return has_fresh(shape) ? page_->block(shape, fresh_++) : nullptr;
  }

  free_block* first_ = nullptr;
  pool_pages::page* page_ = nullptr;
  std::uint32_t fresh_ = 0;  // blocks of the page from here on never were handed out
};

}  // namespace detail

// Returns the handler before. Null: the default again. Thread-safe.
inline pool_fault_handler set_pool_fault_handler(pool_fault_handler handler) noexcept {
  return detail::fault_handler.exchange(handler == nullptr ? &detail::abort_on_fault : handler,
                                        std::memory_order_acq_rel);
}

}  // namespace loam

#endif
