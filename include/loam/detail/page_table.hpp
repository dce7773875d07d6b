// Which pages of 64 KiB a pool has, asked for any address. Not for direct use.
//
// Pages that lie side by side, as they mostly do, each have a slot to themselves: the answer takes one load, and a branch that is
// foretold. (A hash that scatters them makes neighbours meet, and the branch is then a coin.)
// Thread safety: find() may run while one other thread inserts; clear() may not.
#ifndef LOAM_DETAIL_PAGE_TABLE_HPP
#define LOAM_DETAIL_PAGE_TABLE_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace loam::detail {

class page_table {
 public:
  static constexpr unsigned page_log = 16;
  static constexpr std::uintptr_t page_bytes = std::uintptr_t{1} << page_log;

  page_table() = default;
  page_table(const page_table&) = delete;
  page_table& operator=(const page_table&) = delete;
  ~page_table() { clear(); }

  // What is kept with the page of this kind in which the address, any at all, lies. Null: there is no such page.
  void* find(std::uintptr_t address, std::uint16_t kind) const noexcept {
    const table* at = table_.load(std::memory_order_acquire);
    const entry& first = at->entries[slot_of(address, at->mask)];
    const std::uintptr_t wanted = key_of(address, kind);
    const std::uintptr_t key = first.key.load(std::memory_order_acquire);
    if (key == wanted) [[likely]]
      return first.value;
    return key == 0 ? nullptr : search(*at, address, wanted, ~std::uintptr_t{0});
  }
  // Whether the address lies in a page of any kind.
  bool contains(std::uintptr_t address) const noexcept {
    return search(*table_.load(std::memory_order_acquire), address, address, ~(page_bytes - 1)) != nullptr;
  }

  // Requires: the page is not there. Throws std::bad_alloc, and has changed nothing then.
  void insert(std::uintptr_t page, std::uint16_t kind, void* value) {
    table* at = table_.load(std::memory_order_relaxed);
    if ((used_ + 1) * 2 > at->mask || (slot_taken(*at, page) && used_ * 16 > at->mask)) at = grow();
    put(*at, key_of(page, kind), value);
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
  struct entry {
    std::atomic<std::uintptr_t> key{0};  // the page's address + its kind + 1, or 0
    void* value = nullptr;               // written before the key, and not again
  };
  struct table {
    std::size_t mask = 0;
    table* older = nullptr;  // kept: another thread may be looking into it
    entry entries[1];
  };
  // Never written.
  static table* empty() noexcept {
    static constinit table none;
    return &none;
  }

  static std::uintptr_t key_of(std::uintptr_t address, std::uint16_t kind) noexcept {
    return (address & ~(page_bytes - 1)) + kind + 1;
  }
  static std::size_t slot_of(std::uintptr_t address, std::size_t mask) noexcept {
    return (address >> page_log) & mask;
  }
  static bool slot_taken(const table& in, std::uintptr_t page) noexcept {
    return in.entries[slot_of(page, in.mask)].key.load(std::memory_order_relaxed) != 0;
  }

  // Keys are compared in the given bits.
  [[gnu::noinline]] static void* search(const table& in, std::uintptr_t address, std::uintptr_t wanted,
                                        std::uintptr_t bits) noexcept {
    for (std::size_t i = slot_of(address, in.mask);; i = (i + 1) & in.mask) {
      const std::uintptr_t key = in.entries[i].key.load(std::memory_order_acquire);
      if (key == 0) return nullptr;
      if (((key ^ wanted) & bits) == 0) return in.entries[i].value;
    }
  }

  static void put(table& into, std::uintptr_t key, void* value) noexcept {
    std::size_t i = slot_of(key, into.mask);
    while (into.entries[i].key.load(std::memory_order_relaxed) != 0) i = (i + 1) & into.mask;
    into.entries[i].value = value;
    into.entries[i].key.store(key, std::memory_order_release);
  }

  table* grow() {
    table* old = table_.load(std::memory_order_relaxed);
    const std::size_t count = old == empty() ? 16 : (old->mask + 1) * 2;
    auto* fresh = new (::operator new(sizeof(table) + (count - 1) * sizeof(entry))) table;
    fresh->mask = count - 1;
    fresh->older = old;
    for (std::size_t i = 1; i < count; ++i) new (&fresh->entries[i]) entry;
    for (std::size_t i = 0; i <= old->mask; ++i) {
      const std::uintptr_t key = old->entries[i].key.load(std::memory_order_relaxed);
      if (key != 0) put(*fresh, key, old->entries[i].value);
    }
    table_.store(fresh, std::memory_order_release);
    return fresh;
  }

  std::atomic<table*> table_{empty()};
  std::size_t used_ = 0;
};

}  // namespace loam::detail

#endif
