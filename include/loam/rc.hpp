// rc.hpp - shared ownership by counting references: 8-byte pointers, without atomics where the object was made.
//
//   loam::rc<T>        shared between threads; loam::weak_rc<T> does not keep its object alive
//   loam::local_rc<T>  the same within one thread, loam::local_weak_rc<T>
//   loam::alias_rc<T>  16 bytes: a pointer to anything that a counted object keeps alive
//   make_rc, make_local_rc, make_rc_with_disposal, allocate_rc, adopt_rc
//   loam/rc_cell.hpp   a place that threads read at the same time, without counting
//   loam/rc_cycles.hpp collecting cycles
//
// The thread that makes an object is its owner: it copies and drops references by an addition to memory, about 1.5 ns the pair. Others
// count atomically, about 6 ns. A reference that was made by the owner and is dropped by another thread may have to wait
// for the owner: he looks for such whenever he makes an object, in rc_settle(), and when he ends. If objects go to another thread for
// good, call unbias() before, and all is done at once, or rebias() there, to make that thread the owner.
//
// The counts lie in front of the object: 24 bytes in the same block of memory, which is also a weak reference's; that memory goes with the last of both.
// Destructors run in the thread that drops the last reference, or in the owner's. A chain of any length is destroyed without
// recursion: from 48 destructors inside each other on, what else is to go waits for the outermost.
//
// Thread safety: different references to the same object may be used by different threads at the same time; one reference, like an int,
// may not. At most 2^26 references of other threads and 2^31 of the owner to one object; 2^26 is refused by the end of the program.
// Under `loam check` each object is a heap block like any other.
#ifndef LOAM_RC_HPP
#define LOAM_RC_HPP

#include <loam/detail/rc_block.hpp>
#include <loam/detail/rc_counting.hpp>

#include <compare>
#include <functional>
#include <memory>
#include <memory_resource>
#include <type_traits>
#include <utility>

namespace loam {

template <class T, class Counting>
class basic_weak_rc;

namespace detail {

struct rc_access;

// A pointer to a base must be one to the object's start, where the header ends; others are for alias_rc.
template <class To, class From>
To* rc_cast(From* from) noexcept {
  To* const to = from;
  if (static_cast<const void*>(to) != static_cast<const void*>(from)) [[unlikely]]
    rc_refuse("an rc to a base that does not start where its object does; take alias_rc, for", from);
  return to;
}

template <class From, class To>
concept rc_castable = std::is_convertible_v<From*, To*> && !std::is_array_v<From> && !std::is_array_v<To>;

}  // namespace detail

// T may be T[]; made by the functions below only. Copying and destroying: see above. Moving costs nothing and counts nothing.
template <class T, class Counting>
class basic_rc {
 public:
  using element_type = std::remove_extent_t<T>;
  using weak_type = basic_weak_rc<T, Counting>;
  using counting = Counting;

  constexpr basic_rc() noexcept = default;
  constexpr basic_rc(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)
  basic_rc(const basic_rc& other) noexcept : at_(other.at_) {
    if (at_ != nullptr) Counting::retain(header());
  }
  basic_rc(basic_rc&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
  // From a derived class. Requires: the base lies at the object's start, else the program ends.
  template <detail::rc_castable<T> From>
  basic_rc(basic_rc<From, Counting> other) noexcept  // NOLINT(google-explicit-constructor)
      : at_(detail::rc_cast<element_type>(other.release())) {}
  ~basic_rc() {
    if (at_ != nullptr) Counting::release(header());
  }
  basic_rc& operator=(const basic_rc& other) noexcept {
    basic_rc(other).swap(*this);
    return *this;
  }
  basic_rc& operator=(basic_rc&& other) noexcept {
    basic_rc(std::move(other)).swap(*this);
    return *this;
  }

  // One more reference to an object that is known to be counted in this way: `this` of a member function, or a cast of what another
  // reference points to. Requires: the object lives and starts there.
  static basic_rc from(element_type& object) noexcept {
    Counting::retain(detail::rc_header_of(&object));
    return basic_rc(&object);
  }
  // Takes over a reference that release() gave up.
  static basic_rc adopt(element_type* object) noexcept { return basic_rc(object); }
  // Gives the reference up without counting; it must come back by adopt().
  [[nodiscard]] element_type* release() noexcept { return std::exchange(at_, nullptr); }

  element_type* get() const noexcept { return at_; }
  element_type& operator*() const noexcept { return *at_; }
  element_type* operator->() const noexcept { return at_; }
  explicit operator bool() const noexcept { return at_ != nullptr; }
  void reset() noexcept { basic_rc().swap(*this); }
  void swap(basic_rc& other) noexcept { std::swap(at_, other.at_); }

  // Of arrays. Requires: not null, index < size().
  element_type& operator[](std::size_t index) const noexcept
    requires std::is_array_v<T>
  {
    return at_[index];
  }
  std::size_t size() const noexcept
    requires std::is_array_v<T>
  {
    return at_ == nullptr ? 0 : detail::rc_block<element_type, detail::rc_length>::count(header());
  }
  element_type* begin() const noexcept
    requires std::is_array_v<T>
  {
    return at_;
  }
  element_type* end() const noexcept
    requires std::is_array_v<T>
  {
    return at_ + size();
  }

  // Exact while no other thread counts; else a figure of the moment. What waits for the owner still counts.
  std::size_t use_count() const noexcept { return at_ == nullptr ? 0 : detail::rc_total(header()); }

  // The owner counts like all others from now on. By another thread, nothing. Requires: not null, and one of rc, not local_rc. 5 ns.
  void unbias() const noexcept
    requires Counting::is_shared
  {
    detail::rc_unbias(header());
  }
  // The calling thread becomes the owner, if the object has none and this is the only reference. 5 ns.
  bool rebias() const noexcept
    requires Counting::is_shared
  {
    return detail::rc_rebias(header());
  }

  friend bool operator==(const basic_rc& a, const basic_rc& b) noexcept { return a.at_ == b.at_; }
  friend bool operator==(const basic_rc& a, std::nullptr_t) noexcept { return a.at_ == nullptr; }
  friend auto operator<=>(const basic_rc& a, const basic_rc& b) noexcept {
    return std::compare_three_way()(a.at_, b.at_);
  }

 private:
  friend class loam::rc_tracer;
  explicit basic_rc(element_type* object) noexcept : at_(object) {}
  detail::rc_header& header() const noexcept { return detail::rc_header_of(at_); }

  element_type* at_ = nullptr;
};

// Keeps the object's memory, not the object. Copying and destroying: one atomic addition each.
template <class T, class Counting>
class basic_weak_rc {
 public:
  using element_type = std::remove_extent_t<T>;

  constexpr basic_weak_rc() noexcept = default;
  basic_weak_rc(const basic_rc<T, Counting>& of) noexcept  // NOLINT(google-explicit-constructor)
      : basic_weak_rc(of.get()) {}
  basic_weak_rc(const basic_weak_rc& other) noexcept : basic_weak_rc(other.at_) {}
  basic_weak_rc(basic_weak_rc&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
  ~basic_weak_rc() {
    if (at_ != nullptr) detail::rc_drop_memory(detail::rc_header_of(at_));
  }
  basic_weak_rc& operator=(basic_weak_rc other) noexcept {
    std::swap(at_, other.at_);
    return *this;
  }
  void reset() noexcept { *this = {}; }

  // The object, or null once it has begun to be destroyed. About 2 ns by the owner, 5 by others.
  basic_rc<T, Counting> lock() const noexcept {
    if (at_ == nullptr || !Counting::try_retain(detail::rc_header_of(at_))) return {};
    return basic_rc<T, Counting>::adopt(at_);
  }
  bool expired() const noexcept { return at_ == nullptr || detail::rc_is_dead(detail::rc_header_of(at_)); }

 private:
  explicit basic_weak_rc(element_type* object) noexcept : at_(object) {
    if (at_ != nullptr) detail::rc_hold_memory(detail::rc_header_of(at_));
  }
  element_type* at_ = nullptr;
};

template <class T>
using rc = basic_rc<T, detail::rc_shared_counting>;
template <class T>
using weak_rc = basic_weak_rc<T, detail::rc_shared_counting>;
// Of one thread: made, copied and dropped there, and so is all that it holds by local_rc.
template <class T>
using local_rc = basic_rc<T, detail::rc_local_counting>;
template <class T>
using local_weak_rc = basic_weak_rc<T, detail::rc_local_counting>;

// A pointer to a part of a counted object, to a base that does not lie at its start, to anything that the object keeps alive.
template <class T>
class alias_rc {
 public:
  constexpr alias_rc() noexcept = default;
  template <class Owner>
  alias_rc(rc<Owner> owner, T* at) noexcept
      : at_(at), owner_(owner ? &detail::rc_header_of(owner.get()) : nullptr) {
    (void)owner.release();
  }
  template <detail::rc_castable<T> From>
  alias_rc(rc<From> object) noexcept  // NOLINT(google-explicit-constructor)
      : alias_rc(object, static_cast<T*>(object.get())) {}
  alias_rc(const alias_rc& other) noexcept : at_(other.at_), owner_(other.owner_) {
    if (owner_ != nullptr) detail::rc_retain(*owner_);
  }
  alias_rc(alias_rc&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)), owner_(std::exchange(other.owner_, nullptr)) {}
  ~alias_rc() {
    if (owner_ != nullptr) detail::rc_release(*owner_);
  }
  alias_rc& operator=(alias_rc other) noexcept {
    std::swap(at_, other.at_);
    std::swap(owner_, other.owner_);
    return *this;
  }

  T* get() const noexcept { return at_; }
  T& operator*() const noexcept { return *at_; }
  T* operator->() const noexcept { return at_; }
  explicit operator bool() const noexcept { return at_ != nullptr; }

 private:
  friend class rc_tracer;
  T* at_ = nullptr;
  detail::rc_header* owner_ = nullptr;
};

// An object with one reference, in one block of memory. Throws std::bad_alloc and what the constructor does; nothing has changed then.
template <class T, class... Arguments>
  requires(!std::is_array_v<T>)
[[nodiscard]] rc<T> make_rc(Arguments&&... arguments) {
  return detail::rc_make<rc<T>, T, detail::rc_no_prefix>({}, std::forward<Arguments>(arguments)...);
}
template <class T, class... Arguments>
  requires(!std::is_array_v<T>)
[[nodiscard]] local_rc<T> make_local_rc(Arguments&&... arguments) {
  return detail::rc_make<local_rc<T>, T, detail::rc_no_prefix>({}, std::forward<Arguments>(arguments)...);
}

// `count` value-initialised objects: make_rc<T[]>(count). 8 bytes more.
template <class T>
  requires std::is_unbounded_array_v<T>
[[nodiscard]] rc<T> make_rc(std::size_t count) {
  return detail::rc_make_array<rc<T>, std::remove_extent_t<T>>(count);
}
template <class T>
  requires std::is_unbounded_array_v<T>
[[nodiscard]] local_rc<T> make_local_rc(std::size_t count) {
  return detail::rc_make_array<local_rc<T>, std::remove_extent_t<T>>(count);
}

// dispose(object) is called before the destructor: to close a handle, to keep a buffer for the next one. It must not throw.
template <class T, class Dispose, class... Arguments>
[[nodiscard]] rc<T> make_rc_with_disposal(Dispose dispose, Arguments&&... arguments) {
  return detail::rc_make<rc<T>, T, detail::rc_disposer<Dispose>>({std::move(dispose)},
                                                                 std::forward<Arguments>(arguments)...);
}

// Memory from `memory`, which must outlive the object and all weak references, and be safe in the threads that drop them.
template <class T, class... Arguments>
[[nodiscard]] rc<T> allocate_rc(std::pmr::memory_resource* memory, Arguments&&... arguments) {
  return detail::rc_make<rc<T>, T, detail::rc_source>({memory}, std::forward<Arguments>(arguments)...);
}

// Shares what was made elsewhere, and is given back by the deleter of the unique_ptr.
template <class T, class Deleter>
[[nodiscard]] alias_rc<T> adopt_rc(std::unique_ptr<T, Deleter> object) {
  T* const at = object.get();
  return alias_rc<T>(make_rc<std::unique_ptr<T, Deleter>>(std::move(object)), at);
}

// Does what other threads have left for this one as the owner, and lets go of what is no longer borrowed. Runs destructors. About
// 20 ns when there is nothing. A thread that neither makes objects nor ends should call it now and then.
inline void rc_settle() noexcept { detail::rc_settle(); }

}  // namespace loam

template <class T, class Counting>
struct std::hash<loam::basic_rc<T, Counting>> {
  std::size_t operator()(const loam::basic_rc<T, Counting>& pointer) const noexcept {
    return std::hash<const void*>()(pointer.get());
  }
};

#endif
