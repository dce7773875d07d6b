// What the pools share: self-aligned pages cut into blocks of one size, the question whose page an address lies in, and the
// refusal of pointers that are not to be freed. Not for direct use.
//
// Invariant: a block is live exactly while its state is `live`, but for the newest free one of a free_list. States lie outside of the
// pages: whether a block may be freed is told without waiting for its own line, which may be far away, and those of 100,000 blocks stay
// in the cache. (At the start of their pages, 64 KiB apart, they would all compete for the same few lines of it. In the free block
// itself they cost three times as much: the store that links a block in waits for nothing, the load that tests it does.)
// Locking: none, unless a function says otherwise.
#ifndef LOAM_DETAIL_POOL_PAGES_HPP
#define LOAM_DETAIL_POOL_PAGES_HPP

#include <loam/detail/page_table.hpp>
#include <loam/detail/watched.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
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

// What a block of a list holds while it is free. Where its state is stands with it: taking a block then asks for no page. Atomic, so that
// the compiler does not join the two into one store of 16 bytes, for the half of which a load then waits.
struct free_block {
  std::atomic<free_block*> next;
  std::atomic<block_state*> state;
};
constexpr std::size_t least_block = sizeof(free_block);
static_assert(page_table::page_bytes / least_block == page_table::most_blocks);

// Pages of 64 KiB at multiples of 64 KiB, all of one owner and one shape. Upstream is asked for one, and the more there are for the more
// at a time; from 2 MiB on for 2 MiB at a multiple of 2 MiB, for which the kernel is asked for a huge page: of objects all over some MiB,
// each would otherwise wait for the translation of its address.
class pool_pages {
 public:
  static constexpr std::size_t page_bytes = page_table::page_bytes;

  // What is known of a page; lies elsewhere. States begin with a line of the cache, so that batches of 64 blocks share none: two threads
  // that take and give blocks of neighbouring batches would wait for each other at every one.
  struct alignas(64) page {
    page* previous;
    std::byte* blocks;  // the page itself
    std::size_t count;  // of blocks
    block_state* states() noexcept { return reinterpret_cast<block_state*>(this + 1); }
    std::byte* block(const block_shape& shape, std::uint32_t index) const noexcept {
      return blocks + std::size_t{index} * shape.size;
    }
  };

  // Requires: size is at least least_block and at most an eighth of a page.
  static constexpr block_shape shape_of(std::size_t size) noexcept {
    return detail::shape_of(size, page_bytes);
  }

  explicit pool_pages(std::pmr::memory_resource* upstream) noexcept : upstream_(upstream) {}
  pool_pages(const pool_pages&) = delete;
  pool_pages& operator=(const pool_pages&) = delete;
  ~pool_pages() { release(); }

  // Whether the address, any at all, lies in one of the pages. This and the next three may run while another thread adds a page.
  bool contains(const void* address) const noexcept {
    return table_.contains(reinterpret_cast<std::uintptr_t>(address));
  }
  // Whether a block starts at the address, any at all, which is not read, or a live one; then `state` is its state. False may be wrong.
  bool knows(const block_shape& shape, const void* address, block_state*& state) const noexcept {
    return table_.knows(shape, reinterpret_cast<std::uintptr_t>(address), state);
  }
  bool is_live(const block_shape& shape, const void* address, block_state*& state) const noexcept {
    return table_.is_live(shape, reinterpret_cast<std::uintptr_t>(address), state);
  }
  // The state of the block that starts at the address. Null: none does.
  block_state* find(const block_shape& shape, const void* address) const noexcept {
    return table_.find(shape, reinterpret_cast<std::uintptr_t>(address));
  }

  // All blocks of the page are free. Throws what upstream does, and has changed nothing then.
  page* add(const block_shape& shape) {
    if (chunk_ == nullptr || chunk_->used == chunk_->count) add_chunk();
    const std::size_t record_bytes = sizeof(page) + shape.count;
    auto* record = static_cast<page*>(upstream_->allocate(record_bytes, alignof(page)));
    std::byte* blocks = chunk_->start + chunk_->used * page_bytes;
    try {
      table_.insert(reinterpret_cast<std::uintptr_t>(blocks), record->states());
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
      upstream_->deallocate(gone->start, gone->count * page_bytes, alignment_of(gone->count));
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

  static constexpr std::size_t alignment_of(std::size_t pages) noexcept {
    return pages == most_pages ? most_pages * page_bytes : page_bytes;
  }

  // A quarter of what there is more, or a huge page; where upstream has not as much, a page.
  void add_chunk() {
    const std::size_t wanted =
        count_ >= most_pages ? most_pages : std::clamp<std::size_t>(count_ / 4, 1, most_pages - 1);
    auto* record = static_cast<chunk*>(upstream_->allocate(sizeof(chunk), alignof(chunk)));
    try {
      try {
        *record = take_chunk(wanted);
      } catch (const std::bad_alloc&) {
        if (wanted == 1) throw;
        *record = take_chunk(1);
      }
    } catch (...) {
      upstream_->deallocate(record, sizeof(chunk), alignof(chunk));
      throw;
    }
    if (record->count == most_pages) ask_for_a_huge_page(record->start);
    chunk_ = record;
    count_ += record->count;
  }
  chunk take_chunk(std::size_t pages) {
    void* start = upstream_->allocate(pages * page_bytes, alignment_of(pages));
    return {chunk_, pages, 0, static_cast<std::byte*>(start)};
  }

  // At once and without a mark that stays with the memory when it has gone back upstream (MADV_COLLAPSE of Linux 6.1). If there is
  // none, small pages serve as well.
  static void ask_for_a_huge_page(std::byte* start) noexcept {
    constexpr int collapse = 25;
    const int before = errno;
    *static_cast<volatile std::byte*>(start) = {};  // memory that nobody has touched is refused
    static_cast<void>(::madvise(start, most_pages * page_bytes, collapse));
    errno = before;
  }

  std::pmr::memory_resource* upstream_;
  page* newest_ = nullptr;
  chunk* chunk_ = nullptr;  // the newest
  std::size_t count_ = 0;   // of pages, those not yet in use included
  page_table table_;        // the pages in use, with their records
};

// Free blocks side by side, up to the end of a page: what never was handed out of the newest one, and what came back in front of it.
// Blocks that come back in the opposite order, as those of a batch do, grow it again, and nothing is written into them.
class fresh_blocks {
 public:
  // False when a page is wanted.
  bool take(const block_shape& shape, void*& block, block_state*& state) noexcept {
    if (at_ == end_) return false;
    block = at_;
    at_ += shape.size;
    state = state_++;
    return true;
  }
  // Calls put(number, block) for the next ones, at most `most`; returns how many, live from now on.
  template <class Put>
  std::size_t take_many(const block_shape& shape, std::size_t most, Put put) noexcept {
    const auto room = static_cast<std::size_t>(end_ - at_) / shape.size;
    const std::size_t count = most < room ? most : room;
    for (std::size_t i = 0; i < count; ++i) put(i, at_ + i * shape.size);
    std::fill_n(state_, count, block_state::live);
    at_ += count * shape.size;
    state_ += count;
    return count;
  }
  // Whether the free block lies in front of all others, in the same page, and is one of them now. States tell: those of two pages are
  // never neighbours.
  bool take_back(void* block, block_state* state) noexcept {
    if (state + 1 != state_) return false;
    at_ = static_cast<std::byte*>(block);
    state_ = state;
    return true;
  }
  // Requires: none is left.
  void add(pool_pages::page* page, const block_shape& shape) noexcept {
    at_ = page->blocks;
    end_ = page->block(shape, shape.count);
    state_ = page->states();
  }

 private:
  std::byte* at_ = nullptr;
  std::byte* end_ = nullptr;
  block_state* state_ = nullptr;
};

// The free blocks of one size: those given back, the newest first, then those of the newest page that never were handed out.
//
// The newest block stands apart: its state stays `live` and nothing is written into it, so that taking and giving it again and
// again, or one block for another, is two stores and waits for no memory.
class free_list {
 public:
  // A block, live from now on: to be asked in this order, each if there was none before.
  bool take_newest(void*& block) noexcept {
    const std::uintptr_t newest = newest_;
    if ((newest & handed_out) != 0) [[unlikely]]
      return false;
    newest_ = newest + handed_out;
    block = reinterpret_cast<void*>(newest);
    return true;
  }
  bool take_listed(void*& block) noexcept {
    free_block* const first = first_;
    if (first == nullptr) return false;
    first_ = first->next.load(std::memory_order_relaxed);
    *first->state.load(std::memory_order_relaxed) = block_state::live;
    block = first;
    return true;
  }
  // False when a page is wanted (see add).
  bool take_fresh(const block_shape& shape, void*& block) noexcept {
    block_state* state;
    if (!fresh_.take(shape, block, state)) [[unlikely]]
      return false;
    *state = block_state::live;
    return true;
  }

  template <class Put>
  std::size_t take_fresh(const block_shape& shape, std::size_t most, Put put) noexcept {
    return fresh_.take_many(shape, most, put);
  }

  // Gives the block back, any address at all, if it is a live one of these pages for all that their table tells at once. False: it
  // may be one all the same.
  bool give(const pool_pages& pages, const block_shape& shape, const void* block) noexcept {
    const auto given = reinterpret_cast<std::uintptr_t>(block);
    const std::uintptr_t newest = newest_;
    if (newest == given + handed_out) {  // the one that stood apart and was taken: it is live
      newest_ = given;
      return true;
    }
    block_state* state;
    return pages.is_live(shape, block, state) && put(newest, given, state);
  }
  // Requires: `state` is the block's, and is `live`. False: the block is the newest, and has been given back.
  bool give(const void* block, block_state* state) noexcept {
    return put(newest_, reinterpret_cast<std::uintptr_t>(block), state);
  }

  // Whether the block is the one that stood apart and was taken, so that it is live without another look.
  bool newest_is_out(const void* block) const noexcept {
    return newest_ == reinterpret_cast<std::uintptr_t>(block) + handed_out;
  }
  // Whether the block has been given back, though its state is `live`.
  bool is_newest(const void* block) const noexcept {
    return newest_ == reinterpret_cast<std::uintptr_t>(block);
  }

  // Requires: take_fresh() found nothing.
  void add(pool_pages::page* page, const block_shape& shape) noexcept { fresh_.add(page, shape); }
  void clear() noexcept { *this = {}; }

 private:
  // In the lowest bit of `newest_`: the block is with the program.
  static constexpr std::uintptr_t handed_out = 1;
  // As if a block had gone to an address that no program can have.
  static constexpr std::uintptr_t none = std::uintptr_t{1} << 63 | handed_out;

  bool put(std::uintptr_t newest, std::uintptr_t given, block_state* state) noexcept {
    if ((newest & handed_out) == 0) {
      if (newest == given) [[unlikely]]
        return false;
      // The one that stood apart is linked in.
      block_state* const its = newest_state_;
      auto* before = reinterpret_cast<free_block*>(newest);
      *its = block_state::free;
      if (!fresh_.take_back(before, its)) {
        before->next.store(first_, std::memory_order_relaxed);
        before->state.store(its, std::memory_order_relaxed);
        first_ = before;
      }
    }
    newest_ = given;
    newest_state_ = state;
    return true;
  }

  std::uintptr_t newest_ = none;  // the block that moved last
  free_block* first_ = nullptr;
  block_state* newest_state_ = nullptr;
  fresh_blocks fresh_;
};

}  // namespace detail

// Returns the handler before. Null: the default again. Thread-safe.
inline pool_fault_handler set_pool_fault_handler(pool_fault_handler handler) noexcept {
  return detail::fault_handler.exchange(handler == nullptr ? &detail::abort_on_fault : handler,
                                        std::memory_order_acq_rel);
}

}  // namespace loam

#endif
