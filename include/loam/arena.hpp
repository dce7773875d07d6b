// arena.hpp - stack-like allocation: take memory by moving a pointer, give all of it back at once.
//
//   loam::arena          grows in chunks; marks, rewinds, scopes
//   loam::inline_arena   the first N bytes lie in the object itself, so on the stack
//   loam::scratch        a scope in the calling thread's own arena
//   loam/arena_resource.hpp    the same for std::pmr and for containers
//
// Invariant: memory handed out stays valid and where it is until a rewind to a mark from before it, reset() or release().
// Thread safety: none; an arena belongs to one thread at a time. Exceptions: what the upstream resource throws, and what
// constructors do; nothing has changed then.
//
// Under `loam check` each allocation is a heap block of its own, freed when the arena takes it back: a use after a reset is
// found like any other use after free, with the stacks of the allocation and of the reset.
#ifndef LOAM_ARENA_HPP
#define LOAM_ARENA_HPP

#include <loam/detail/watched.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace loam {

namespace detail {

constexpr std::uintptr_t align_up(std::uintptr_t value, std::size_t alignment) noexcept {
  return (value + alignment - 1) & ~(std::uintptr_t{alignment} - 1);
}

}  // namespace detail

class arena {
  struct chunk;
  struct cleanup;

 public:
  static constexpr std::size_t default_first_chunk = 4096;
  static constexpr std::size_t largest_chunk =
      std::size_t{1} << 20;  // chunks double up to here; larger requests get their own

  // Takes nothing from upstream until the first allocation. Null: std::pmr::new_delete_resource().
  explicit arena(std::size_t first_chunk = default_first_chunk,
                 std::pmr::memory_resource* upstream = nullptr) noexcept
      : upstream_(upstream), room_(clamp_chunk(first_chunk)) {}
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;
  ~arena() {
    if (touched_) [[unlikely]]
      release();
  }

  // `bytes` bytes at a multiple of `alignment`, uninitialised; never null, distinct also for 0 bytes.
  // Requires: `alignment` is a power of two. O(1): an addition and a comparison, and now and then a chunk from upstream.
  [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment = alignof(std::max_align_t)) {
    // With the ordinary alignment, the default, a call waits for one addition of the call before: sizes are rounded, which waits for
    // nothing. Others wait for the rounding of the address as well, and lose nothing between blocks of odd sizes.
    const bool is_ordinary = alignment == ordinary_alignment;
    const std::uintptr_t at = is_ordinary ? rounded_ : detail::align_up(at_, alignment);
    // 0 bytes and sizes that cannot be go the slow way, by the same comparison. The end is a multiple of
    // ordinary_alignment, so that only larger alignments can lead behind it.
    if (bytes - 1 >= end_ - at || (alignment > ordinary_alignment && at >= end_)) [[unlikely]]
      return allocate_slow(bytes, alignment);
    at_ = at + bytes;
    rounded_ = is_ordinary ? at + detail::align_up(bytes, ordinary_alignment)
                           : detail::align_up(at_, ordinary_alignment);
    return reinterpret_cast<void*>(at);
  }

  // An object. Its destructor runs when the arena takes the memory back, the newest first; for types that have none to run
  // nothing is remembered.
  template <class T, class... Arguments>
  T* make(Arguments&&... arguments) {
    if constexpr (std::is_trivially_destructible_v<T>) {
      return ::new (allocate(sizeof(T), alignof(T))) T(std::forward<Arguments>(arguments)...);
    } else {
      auto* node = static_cast<cleanup*>(allocate(sizeof(cleanup), alignof(cleanup)));
      T* object = ::new (allocate(sizeof(T), alignof(T))) T(std::forward<Arguments>(arguments)...);
      remember(node, &destroy<T>, object, 1);
      return object;
    }
  }

  // `count` value-initialised objects, as make().
  template <class T>
  T* make_array(std::size_t count) {
    if (count > std::size_t{PTRDIFF_MAX} / sizeof(T)) throw std::bad_array_new_length();
    cleanup* node = nullptr;
    if constexpr (!std::is_trivially_destructible_v<T>)
      node = static_cast<cleanup*>(allocate(sizeof(cleanup), alignof(cleanup)));
    T* objects = static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
    std::uninitialized_value_construct_n(objects, count);
    if (node != nullptr) remember(node, &destroy<T>, objects, count);
    return objects;
  }

  // A copy of the text that lives as long as the arena's memory, with a zero behind it.
  std::string_view copy(std::string_view text) {
    char* bytes = static_cast<char*>(allocate(text.size() + 1, 1));
    if (!text.empty()) std::memcpy(bytes, text.data(), text.size());
    bytes[text.size()] = '\0';
    return {bytes, text.size()};
  }

  // Makes the block that was allocated last longer or shorter where it is. False, and nothing changed, if it is not the
  // last or there is no room. O(1).
  bool resize_last(void* block, std::size_t old_bytes, std::size_t new_bytes) noexcept {
    const auto start = reinterpret_cast<std::uintptr_t>(block);
    std::uintptr_t next;
    if (start + old_bytes != at_ || old_bytes == 0 || new_bytes == 0 ||
        __builtin_add_overflow(start, new_bytes, &next) || next > end_)
      return false;
    stand_at(next);
    return true;
  }

  // Takes the block back if it was allocated last (under `loam check`: any block); otherwise it stays until a rewind.
  void give_back(void* block, std::size_t bytes) noexcept {
    if (watched() != nullptr) [[unlikely]]
      return forget(block);
    const auto start = reinterpret_cast<std::uintptr_t>(block);
    if (start + bytes == at_) stand_at(start);
  }

  class mark {
    friend class arena;
    chunk* last = nullptr;
    std::uintptr_t at = 0;
    cleanup* cleanups = nullptr;
    std::size_t watched = 0;
  };

  // Where the arena stands. Valid until a rewind to an older mark, reset() or release().
  mark now() const noexcept {
    mark here;
    here.at = at_;
    if (touched_) {
      here.last = has_.current;
      here.cleanups = has_.cleanups;
      here.watched = has_.watched == nullptr ? 0 : has_.watched->count;
    }
    return here;
  }

  // Takes back all that was allocated since the mark: destructors first, the newest first. One chunk stays for what
  // comes next. O(destructors + chunks).
  void rewind(const mark& to) noexcept {
    if (touched_ && (has_.current != to.last || has_.cleanups != to.cleanups || has_.watched != nullptr))
        [[unlikely]]
      return rewind_slow(to);
    stand_at(to.at);
  }
  // Takes back everything, and keeps the largest chunk.
  void reset() noexcept {
    mark start;
    start.at = buffer_start();
    rewind(start);
  }
  // Takes back everything, and gives all chunks back to upstream.
  void release() noexcept;

  // Rewinds at its end to where the arena stood at its start.
  class scope {
   public:
    explicit scope(arena& of) noexcept : arena_(of), mark_(of.now()) {}
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope() { arena_.rewind(mark_); }
    arena& memory() const noexcept { return arena_; }

   private:
    arena& arena_;
    mark mark_;
  };

  // Whether the address lies in memory that the arena has handed out. O(chunks).
  bool owns(const void* address) const noexcept;
  // Bytes that upstream has given, chunks kept for later included. O(chunks).
  std::size_t reserved() const noexcept;
  std::pmr::memory_resource* upstream() const noexcept {
    return upstream_ == nullptr ? std::pmr::new_delete_resource() : upstream_;
  }

 protected:
  struct buffer {
    std::uint32_t bytes;
  };
  // Starts with a buffer that lies right behind the arena itself.
  arena(buffer behind, std::pmr::memory_resource* upstream) noexcept
      : upstream_(upstream), room_(behind.bytes), has_buffer_(1) {
    at_ = rounded_ = buffer_start();
    if (detail::watched) [[unlikely]]
      end_ = at_;
    else
      end_ = at_ + behind.bytes;
  }

 private:
  static constexpr std::size_t least_chunk = 256;
  static constexpr std::size_t ordinary_alignment = alignof(std::max_align_t);
  // A multiple of ordinary_alignment, as all chunks are: allocate() relies on it.
  static constexpr std::uint32_t clamp_chunk(std::size_t bytes) noexcept {
    return static_cast<std::uint32_t>(std::clamp(bytes, least_chunk, std::size_t{1} << 31) /
                                      ordinary_alignment * ordinary_alignment);
  }

  struct chunk {
    chunk* previous;
    std::size_t bytes;  // this header included
    std::uintptr_t start() const noexcept { return reinterpret_cast<std::uintptr_t>(this) + sizeof(chunk); }
    std::uintptr_t end() const noexcept { return reinterpret_cast<std::uintptr_t>(this) + bytes; }
  };
  static_assert(sizeof(chunk) % alignof(std::max_align_t) == 0);

  struct cleanup {
    cleanup* previous;
    void (*run)(void* objects, std::size_t count) noexcept;
    void* objects;
    std::size_t count;
  };

  // Under `loam check`: the blocks, in the order of their allocation. The list is on the heap, and its entries keep the
  // blocks from being taken for leaks.
  struct watched_block {
    void* block;  // null: given back before
    std::size_t alignment;
  };
  struct watched_blocks {
    watched_block* entries;
    std::size_t count;
    std::size_t capacity;
  };

  template <class T>
  static void destroy(void* objects, std::size_t count) noexcept {
    auto* first = static_cast<T*>(objects);
    while (count > 0) first[--count].~T();
  }

  void remember(cleanup* node, void (*run)(void*, std::size_t) noexcept, void* objects,
                std::size_t count) noexcept {
    belongings& mine = touch();
    *node = {mine.cleanups, run, objects, count};
    mine.cleanups = node;
  }

  std::uintptr_t buffer_start() const noexcept {
    return has_buffer_ ? reinterpret_cast<std::uintptr_t>(this + 1) : 0;
  }
  // Under `loam check` the buffer has no room: all calls come to allocate_slow().
  std::uintptr_t end_of(const chunk* of) const noexcept {
    return of != nullptr ? of->end() : buffer_start() + (has_buffer_ && !detail::watched ? room_ : 0);
  }
  std::size_t first_chunk() const noexcept { return has_buffer_ ? default_first_chunk : room_; }
  void stand_at(std::uintptr_t at) noexcept {
    at_ = at;
    rounded_ = detail::align_up(at, ordinary_alignment);
  }

  [[gnu::cold]] void* allocate_slow(std::size_t bytes, std::size_t alignment);
  void* allocate_watched(std::size_t bytes, std::size_t alignment);
  void add_chunk(std::size_t bytes);
  void drop(chunk* of) noexcept { upstream()->deallocate(of, of->bytes, ordinary_alignment); }
  void rewind_slow(const mark& to) noexcept;
  void keep_or_drop(chunk* of) noexcept;
  void forget(void* block) noexcept;
  void forget_from(std::size_t first) noexcept;

  // What an arena has beside its buffer.
  struct belongings {
    chunk* current = nullptr;  // null: the buffer, or nothing yet
    chunk* spare = nullptr;    // kept by a rewind
    cleanup* cleanups = nullptr;
    watched_blocks* watched = nullptr;
    std::size_t largest = 0;  // chunk so far
  };
  belongings& touch() noexcept {
    if (!touched_) new (&has_) belongings;
    touched_ = 1;
    return has_;
  }
  chunk* current() const noexcept { return touched_ ? has_.current : nullptr; }
  watched_blocks* watched() const noexcept { return touched_ ? has_.watched : nullptr; }

  // Of two bytes: with the room in front of them the two make one store of eight.
  using flag = std::uint16_t;

  // Few words, and one flag that tells whether there is anything to do at the end: of an inline_arena that stays within its
  // buffer they are all that is written and read.
  std::uintptr_t at_ = 0;                // the next free byte
  std::uintptr_t end_ = 0;               // of the current chunk or buffer
  std::uintptr_t rounded_ = 0;           // at_, rounded up to ordinary_alignment
  std::pmr::memory_resource* upstream_;  // null: new_delete_resource()
  std::uint32_t room_;                   // of the buffer; without one, of the first chunk
  flag has_buffer_ = 0;
  flag touched_ = 0;  // has_ is there: chunks, blocks or destructors to run
  union {
    belongings has_;  // begins its life with the first of them
  };
};
static_assert(sizeof(arena) % alignof(std::max_align_t) == 0,
              "the buffer of an inline_arena follows at once");

inline void* arena::allocate_slow(std::size_t bytes, std::size_t alignment) {
  if (bytes == 0) return allocate(1, alignment);
  belongings& mine = touch();
  if (detail::watched) return allocate_watched(bytes, alignment);
  if (bytes > std::size_t{PTRDIFF_MAX} - alignment) throw std::bad_alloc();
  // The chunk's start is aligned for everything ordinary; only more than that may need room in front.
  const std::size_t needed = bytes + (alignment > ordinary_alignment ? alignment : 0);
  if (mine.spare != nullptr && mine.spare->bytes - sizeof(chunk) >= needed) {
    mine.spare->previous = mine.current;
    mine.current = std::exchange(mine.spare, nullptr);
  } else {
    add_chunk(needed);
  }
  const std::uintptr_t at = detail::align_up(mine.current->start(), alignment);
  stand_at(at + bytes);
  end_ = mine.current->end();
  return reinterpret_cast<void*>(at);
}

inline void arena::add_chunk(std::size_t bytes) {
  std::size_t wanted = detail::align_up(bytes + sizeof(chunk), ordinary_alignment);
  const std::size_t doubled = std::min(has_.largest * 2, std::max<std::size_t>(largest_chunk, first_chunk()));
  wanted = std::max({wanted, first_chunk(), doubled});
  auto* fresh = static_cast<chunk*>(upstream()->allocate(wanted, ordinary_alignment));
  fresh->bytes = wanted;
  fresh->previous = has_.current;
  has_.current = fresh;
  has_.largest = std::min(std::max(has_.largest, wanted), largest_chunk);
}

inline void* arena::allocate_watched(std::size_t bytes, std::size_t alignment) {
  if (has_.watched == nullptr) has_.watched = new watched_blocks{};
  watched_blocks* blocks = has_.watched;
  if (blocks->count == blocks->capacity) {
    const std::size_t capacity = blocks->capacity * 2 + 16;
    auto* entries = new watched_block[capacity];
    std::copy_n(blocks->entries, blocks->count, entries);
    delete[] blocks->entries;
    blocks->entries = entries;
    blocks->capacity = capacity;
  }
  void* block = ::operator new(bytes, std::align_val_t{alignment});
  blocks->entries[blocks->count++] = {block, alignment};
  return block;
}

inline void arena::forget(void* block) noexcept {
  for (std::size_t i = has_.watched->count; i-- > 0;) {
    watched_block& entry = has_.watched->entries[i];
    if (entry.block != block) continue;
    ::operator delete(entry.block, std::align_val_t{entry.alignment});
    entry.block = nullptr;
    return;
  }
}

inline void arena::forget_from(std::size_t first) noexcept {
  while (has_.watched->count > first) {
    const watched_block& entry = has_.watched->entries[--has_.watched->count];
    ::operator delete(entry.block, std::align_val_t{entry.alignment});
  }
}

inline void arena::keep_or_drop(chunk* of) noexcept {
  if (has_.spare == nullptr) {
    has_.spare = of;
  } else if (of->bytes > has_.spare->bytes) {
    drop(std::exchange(has_.spare, of));
  } else {
    drop(of);
  }
}

inline void arena::rewind_slow(const mark& to) noexcept {
  while (has_.cleanups != to.cleanups) {
    const cleanup* newest = has_.cleanups;
    has_.cleanups = newest->previous;
    newest->run(newest->objects, newest->count);
  }
  if (has_.watched != nullptr) [[unlikely]]
    forget_from(to.watched);
  while (has_.current != to.last) keep_or_drop(std::exchange(has_.current, has_.current->previous));
  if (has_.current == nullptr && !has_buffer_ && has_.spare != nullptr) {
    // The chunk that stays is the current one: a scope that is opened again and again would fetch it each time.
    has_.current = std::exchange(has_.spare, nullptr);
    has_.current->previous = nullptr;
    stand_at(has_.current->start());
  } else {
    stand_at(to.at);
  }
  end_ = end_of(has_.current);
}

inline void arena::release() noexcept {
  reset();
  if (!touched_) return;
  while (has_.current != nullptr) drop(std::exchange(has_.current, has_.current->previous));
  stand_at(buffer_start());
  end_ = end_of(nullptr);
  if (has_.spare != nullptr) drop(std::exchange(has_.spare, nullptr));
  if (has_.watched == nullptr) return;
  delete[] has_.watched->entries;
  delete std::exchange(has_.watched, nullptr);
}

inline bool arena::owns(const void* address) const noexcept {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  const watched_blocks* blocks = watched();
  for (std::size_t i = 0; blocks != nullptr && i < blocks->count; ++i) {
    loam_block block;
    if (loam_find(address, &block) == LOAM_LIVE && block.base == blocks->entries[i].block) return true;
  }
  std::uintptr_t end = at_;
  for (const chunk* each = current(); each != nullptr; each = each->previous, end = end_of(each)) {
    if (wanted >= each->start() && wanted < end) return true;
  }
  return has_buffer_ && wanted >= buffer_start() && wanted < end;
}

inline std::size_t arena::reserved() const noexcept {
  std::size_t bytes = touched_ && has_.spare != nullptr ? has_.spare->bytes : 0;
  for (const chunk* each = current(); each != nullptr; each = each->previous) bytes += each->bytes;
  return bytes;
}

// The first Bytes bytes lie in the object: nothing is taken from upstream until they are used up, and the destructor then
// has nothing to do. Use and drop: about 2 ns.
template <std::size_t Bytes>
class inline_arena : public arena {
 public:
  static_assert(Bytes > 0 && Bytes <= UINT32_MAX - 16);
  // Null: std::pmr::new_delete_resource().
  explicit inline_arena(std::pmr::memory_resource* upstream = nullptr) noexcept
      : arena(buffer{sizeof storage_}, upstream) {
    static_assert(sizeof(inline_arena) == sizeof(arena) + sizeof storage_);
  }

 private:
  alignas(std::max_align_t) std::byte storage_[(Bytes + 15) / 16 * 16];
};

// The calling thread's own arena, for memory that is needed until the end of a function. Ends with the thread.
inline arena& thread_arena() {
  thread_local arena mine(std::size_t{64} << 10);
  return mine;
}

// Temporary memory: what is allocated through it, or from thread_arena() meanwhile, is taken back at its end. Scopes nest;
// memory of an outer one must not be allocated while an inner one is open.
class scratch : public arena::scope {
 public:
  scratch() : scope(thread_arena()) {}
  [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment = alignof(std::max_align_t)) {
    return memory().allocate(bytes, alignment);
  }
};

}  // namespace loam

#endif
