// The two ways of counting, and the making of objects. Not for direct use. Locking: as in rc_count.hpp.
#ifndef LOAM_DETAIL_RC_COUNTING_HPP
#define LOAM_DETAIL_RC_COUNTING_HPP

#include <loam/detail/rc_block.hpp>
#include <loam/detail/rc_borrow.hpp>

namespace loam {

template <class T, class Counting>
class basic_rc;

namespace detail {

inline void rc_retain(rc_header& object) noexcept {
  if (object.owner.load(std::memory_order_relaxed) == rc_mine.number) [[likely]]
    object.biased.up();
  else
    rc_retain_shared(object);
}

inline void rc_release(rc_header& object) noexcept {
  if (object.owner.load(std::memory_order_relaxed) != rc_mine.number) [[unlikely]]
    return rc_release_shared(object);
  if (object.biased.down()) [[likely]]
    return;
  if (object.biased.count() == 0) [[unlikely]]
    rc_owner_is_done(object);
  else if ((object.shared.load(std::memory_order_relaxed) & rc_noted) == 0) [[unlikely]]
    rc_note_candidate(object);
}

inline std::size_t rc_total(const rc_header& object) noexcept {
  const std::int64_t biased = object.biased.count();
  const std::int64_t sum = biased + rc_count(object.shared.load(std::memory_order_relaxed));
  return sum < 0 ? 0 : static_cast<std::size_t>(sum);
}

inline std::int32_t rc_flags_of(const rc_type& type) noexcept { return type.trace == nullptr ? rc_noted : 0; }

struct rc_shared_counting {
  static constexpr bool is_shared = true;

  static void start(rc_header* at, const rc_type& type) noexcept {
    rc_thread* const mine = rc_record();
    if (mine != nullptr) [[likely]] {
      ::new (at) rc_header{{mine->number}, {1, type.trace == nullptr}, {rc_flags_of(type)}, {1}, &type};
      if (mine->has_mail.load(std::memory_order_relaxed)) [[unlikely]]
        rc_read_mail(*mine);
    } else {
      ::new (at) rc_header{{0}, {0, false}, {rc_one | rc_merged | rc_flags_of(type)}, {1}, &type};
    }
  }
  static void retain(rc_header& object) noexcept { rc_retain(object); }
  static void release(rc_header& object) noexcept { rc_release(object); }
  static bool try_retain(rc_header& object) noexcept {
    if (object.owner.load(std::memory_order_relaxed) == rc_mine.number) {
      object.biased.up();
      return true;
    }
    std::int32_t seen = object.shared.load(std::memory_order_relaxed);
    for (;;) {
      if (rc_is_dead(seen)) return false;
      if ((seen & rc_frozen) != 0) {
        std::this_thread::yield();  // a collector is deciding
        seen = object.shared.load(std::memory_order_relaxed);
      } else if (object.shared.compare_exchange_weak(seen, seen + rc_one, std::memory_order_acquire,
                                                     std::memory_order_relaxed)) {
        return true;
      }
    }
  }
};

// `shared` never changes but by a collector; rc_queued keeps whoever would stand in for an owner that has ended away.
struct rc_local_counting {
  static constexpr bool is_shared = false;

  static void start(rc_header* at, const rc_type& type) noexcept {
    rc_thread* const mine = rc_record();
    ::new (at) rc_header{{mine == nullptr ? 0 : mine->number},
                         {1, type.trace == nullptr},
                         {rc_queued | rc_flags_of(type)},
                         {1},
                         &type};
  }
  static void retain(rc_header& object) noexcept { object.biased.up(); }
  static void release(rc_header& object) noexcept {
    if (object.biased.down()) [[likely]]
      return;
    const std::int32_t seen = object.shared.load(std::memory_order_relaxed);
    if (object.biased.count() == 0) [[unlikely]] {
      object.owner.store(0, std::memory_order_relaxed);
      object.shared.store(seen | rc_merged, std::memory_order_relaxed);
      rc_destroy(object);
    } else if ((seen & rc_noted) == 0) [[unlikely]] {
      rc_note_candidate(object);
    }
  }
  static bool try_retain(rc_header& object) noexcept {
    if (rc_is_dead(object)) return false;
    object.biased.up();
    return true;
  }
};

// Memory that goes back unless it has become an object.
template <class Block>
class rc_memory {
 public:
  rc_memory(std::byte* start, std::size_t bytes, std::pmr::memory_resource* from) noexcept
      : start_(start), bytes_(bytes), from_(from) {}
  rc_memory(const rc_memory&) = delete;
  rc_memory& operator=(const rc_memory&) = delete;
  ~rc_memory() {
    if (start_ == nullptr) return;
    if (from_ != nullptr)
      from_->deallocate(start_, bytes_, Block::alignment);
    else if constexpr (Block::alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__)
      ::operator delete(start_, std::align_val_t{Block::alignment});
    else
      ::operator delete(start_);
  }
  void keep() noexcept { start_ = nullptr; }

 private:
  std::byte* start_;
  std::size_t bytes_;
  std::pmr::memory_resource* from_;
};

template <class Pointer, class Block>
void rc_start(std::byte* start) noexcept {
  auto* const header = reinterpret_cast<rc_header*>(start + Block::offset) - 1;
  if constexpr (!Block::is_acyclic) ::new (&rc_place_of(*header)) std::atomic<std::uint32_t>(0);
  Pointer::counting::start(header, Block::type);
}

template <class Pointer, class T, class Prefix, class... Arguments>
Pointer rc_make(Prefix prefix, Arguments&&... arguments) {
  static_assert(std::is_nothrow_move_constructible_v<Prefix>);
  using block = rc_block<std::remove_cv_t<T>, Prefix>;
  constexpr std::size_t bytes = block::offset + sizeof(T);
  std::pmr::memory_resource* from = nullptr;
  if constexpr (std::is_same_v<Prefix, rc_source>) from = prefix.memory;
  auto* const start = static_cast<std::byte*>(from != nullptr ? from->allocate(bytes, block::alignment)
                                                              : block::allocate(bytes));
  rc_memory<block> memory(start, bytes, from);
  rc_start<Pointer, block>(start);
  auto* const object = ::new (static_cast<void*>(start + block::offset))
      std::remove_cv_t<T>(std::forward<Arguments>(arguments)...);
  if constexpr (!std::is_empty_v<Prefix>) ::new (static_cast<void*>(start)) Prefix(std::move(prefix));
  memory.keep();
  return Pointer::adopt(object);
}

template <class Pointer, class T>
Pointer rc_make_array(std::size_t count) {
  using block = rc_block<std::remove_cv_t<T>, rc_length>;
  if (count > (std::size_t{PTRDIFF_MAX} - block::offset) / sizeof(T)) throw std::bad_array_new_length();
  const std::size_t bytes = block::offset + count * sizeof(T);
  auto* const start = static_cast<std::byte*>(block::allocate(bytes));
  rc_memory<block> memory(start, bytes, nullptr);
  rc_start<Pointer, block>(start);
  ::new (static_cast<void*>(start)) rc_length{count};
  auto* const objects = reinterpret_cast<std::remove_cv_t<T>*>(start + block::offset);
  std::uninitialized_value_construct_n(objects, count);
  memory.keep();
  return Pointer::adopt(objects);
}

inline void rc_settle() noexcept {
  if (rc_thread* const mine = rc_record(); mine != nullptr && mine->has_mail.load(std::memory_order_relaxed))
    rc_read_mail(*mine);
  rc_retire(nullptr);
}

}  // namespace detail
}  // namespace loam

#endif
