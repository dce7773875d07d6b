// Which pages of 64 KiB a pool has, asked for any address, and where the states of their blocks are. Not for direct use.
//
// Pages that lie side by side, as they mostly do, each have a slot to themselves: the answer takes one load, and a branch that is
// foretold. (A hash that scatters them makes neighbours meet, and the branch is then a coin.)
// Thread safety: questions may be asked while one other thread inserts; clear() may not run then.
#ifndef LOAM_DETAIL_PAGE_TABLE_HPP
#define LOAM_DETAIL_PAGE_TABLE_HPP

#include <loam/detail/block_shape.hpp>

#include <atomic>
#include <new>

namespace loam::detail {

class page_table {
 public:
  static constexpr unsigned page_log = 16;
  static constexpr std::uintptr_t page_bytes = std::uintptr_t{1} << page_log;
  // Of blocks in a page.
  static constexpr std::size_t most_blocks = page_bytes / 16;

  page_table() = default;
  page_table(const page_table&) = delete;
  page_table& operator=(const page_table&) = delete;
  ~page_table() { clear(); }

  // Whether a block starts at the address, any at all, for all that the page's own slot tells; then `state` is its state. If not, find()
  // knows more. All pages of the table have the same shape.
  bool knows(const block_shape& shape, std::uintptr_t address, block_state*& state) const noexcept {
    const entry& own = own_entry(*table_.load(std::memory_order_acquire), address);
    const std::uint64_t index = shape.index_of(address - own.page.load(std::memory_order_acquire));
    if (index >= shape.count) [[unlikely]]
      return false;
    state = own.states + index;
    return true;
  }
  // The same of a block that is live.
  bool is_live(const block_shape& shape, std::uintptr_t address, block_state*& state) const noexcept {
    if (!knows(shape, address, state)) [[unlikely]]
      return false;
    if (std::atomic_ref(*state).load(std::memory_order_relaxed) != block_state::live) [[unlikely]]
      return false;
    return true;
  }
  // The state of the block that starts at the address. Null: none does.
  [[gnu::noinline]] block_state* find(const block_shape& shape, std::uintptr_t address) const noexcept {
    const entry* at = search(*table_.load(std::memory_order_acquire), address);
    if (at == nullptr) return nullptr;
    const std::uint64_t index = shape.index_of(address - at->page.load(std::memory_order_relaxed));
    return index < shape.count ? at->states + index : nullptr;
  }
  bool contains(std::uintptr_t address) const noexcept {
    return search(*table_.load(std::memory_order_acquire), address) != nullptr;
  }

  // Requires: the page is not there. Throws std::bad_alloc, and has changed nothing then.
  void insert(std::uintptr_t page, block_state* states) {
    table* at = table_.load(std::memory_order_relaxed);
    if ((used_ + 1) * 2 >= slots(*at) || (slot_taken(*at, page) && used_ * 16 >= slots(*at))) at = grow();
    put(*at, page, states);
    ++used_;
  }

  void clear() noexcept {
    for (table* at = table_.exchange(empty(), std::memory_order_relaxed); at != empty();) {
      table* older = at->older;
      ::operator delete(at);
      at = older;
    }
    used_ = 0;
  }

 private:
  // The page of an empty slot: no program can have an address in it. Whoever asks for one all the same finds blocks that are not live.
  static constexpr std::uintptr_t nowhere = std::uintptr_t{1} << 63;
  static inline constinit block_state none_live[most_blocks]{};

  struct entry {
    std::atomic<std::uintptr_t> page{nowhere};
    block_state* states = none_live;  // written before the page, and not again
  };
  struct table {
    std::size_t mask = 0;    // of slots, in bytes: they are 16 apart
    table* older = nullptr;  // kept: another thread may be looking into it
    entry entries[1];
  };
  // Never written.
  static table* empty() noexcept {
    static constinit table none;
    return &none;
  }

  static std::size_t slots(const table& in) noexcept { return in.mask / sizeof(entry) + 1; }
  static std::size_t slot_of(std::uintptr_t address, const table& in) noexcept {
    return (address >> page_log) & (slots(in) - 1);
  }
  // The same, shorter for the processor.
  static const entry& own_entry(const table& in, std::uintptr_t address) noexcept {
    static_assert(sizeof(entry) == 16);
    const std::size_t offset = (address >> (page_log - 4)) & in.mask;
    return *reinterpret_cast<const entry*>(reinterpret_cast<const std::byte*>(in.entries) + offset);
  }
  static bool slot_taken(const table& in, std::uintptr_t page) noexcept {
    return in.entries[slot_of(page, in)].page.load(std::memory_order_relaxed) != nowhere;
  }

  [[gnu::noinline]] static const entry* search(const table& in, std::uintptr_t address) noexcept {
    for (std::size_t i = slot_of(address, in);; i = (i + 1) & (slots(in) - 1)) {
      const std::uintptr_t page = in.entries[i].page.load(std::memory_order_acquire);
      if (page == nowhere) return nullptr;
      if (address - page < page_bytes) return &in.entries[i];
    }
  }

  static void put(table& into, std::uintptr_t page, block_state* states) noexcept {
    std::size_t i = slot_of(page, into);
    while (into.entries[i].page.load(std::memory_order_relaxed) != nowhere) i = (i + 1) & (slots(into) - 1);
    into.entries[i].states = states;
    into.entries[i].page.store(page, std::memory_order_release);
  }

  table* grow() {
    table* old = table_.load(std::memory_order_relaxed);
    const std::size_t count = old == empty() ? 16 : slots(*old) * 2;
    auto* fresh = new (::operator new(sizeof(table) + (count - 1) * sizeof(entry))) table;
    fresh->mask = (count - 1) * sizeof(entry);
    fresh->older = old;
    for (std::size_t i = 1; i < count; ++i) new (&fresh->entries[i]) entry;
    for (std::size_t i = 0; i < slots(*old); ++i) {
      const std::uintptr_t page = old->entries[i].page.load(std::memory_order_relaxed);
      if (page != nowhere) put(*fresh, page, old->entries[i].states);
    }
    table_.store(fresh, std::memory_order_release);
    return fresh;
  }

  std::atomic<table*> table_{empty()};
  std::size_t used_ = 0;
};

}  // namespace loam::detail

#endif
