// rc_cell.hpp - a place for an rc that threads read and replace at the same time, and reading it without counting.
//
//   loam::rc_cell<T>   holds an rc<T> or null
//   loam::borrowed<T>  what a thread has read there: stays valid until it ends, whatever is stored meanwhile
//
// A reference count that several threads change is a cache line that wanders between their processors, 80 ns and more each time. To
// borrow writes only to memory of the thread's own.
//
// An object that is replaced while somebody borrows it goes later: when next something is replaced in any cell, or in rc_settle().
// Thread safety: a cell may be used by all threads at the same time; a borrowed<T> stays in its thread. Destroying a cell: no
// thread uses it any more; what is borrowed from it stays valid.
#ifndef LOAM_RC_CELL_HPP
#define LOAM_RC_CELL_HPP

#include <loam/rc.hpp>

#include <utility>

namespace loam {

template <class T>
class rc_cell;

template <class T>
class borrowed {
 public:
  borrowed() noexcept = default;
  borrowed(borrowed&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)), hazard_(std::exchange(other.hazard_, {})) {}
  borrowed& operator=(borrowed&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(hazard_, other.hazard_);
    return *this;
  }
  ~borrowed() {
    if (hazard_.thread != nullptr) [[likely]]
      hazard_.give_back();
    else if (at_ != nullptr)
      detail::rc_release(detail::rc_header_of(at_));
  }

  T* get() const noexcept { return at_; }
  T& operator*() const noexcept { return *at_; }
  T* operator->() const noexcept { return at_; }
  explicit operator bool() const noexcept { return at_ != nullptr; }
  // A reference that counts, and may be kept or given to others. As copying an rc.
  rc<T> keep() const noexcept { return at_ == nullptr ? rc<T>() : rc<T>::from(*at_); }

 private:
  friend class rc_cell<T>;
  borrowed(T* at, detail::rc_hazard hazard) noexcept : at_(at), hazard_(hazard) {}

  T* at_ = nullptr;
  detail::rc_hazard hazard_;  // of no thread: the object is held by a count
};

template <class T>
class rc_cell {
 public:
  rc_cell() noexcept = default;
  explicit rc_cell(rc<T> value) noexcept : at_(value.release()) {}
  rc_cell(const rc_cell&) = delete;
  rc_cell& operator=(const rc_cell&) = delete;
  ~rc_cell() { store(nullptr); }

  // What the cell holds now, or null. About 6 ns, however many threads borrow; from the eighth at the same time in one
  // thread on, as load().
  borrowed<T> borrow() const noexcept {
    const detail::rc_hazard hazard = detail::rc_hazard::take();
    if (hazard.thread == nullptr) [[unlikely]]
      return {load().release(), {}};
    return {announce(hazard), hazard};
  }

  // The same as a reference that counts.
  rc<T> load() const noexcept {
    if (detail::rc_thread* const mine = detail::rc_record(); mine != nullptr) [[likely]] {
      const detail::rc_hazard hazard{mine, 0};
      T* const at = announce(hazard);
      rc<T> loaded = at == nullptr ? rc<T>() : rc<T>::from(*at);
      hazard.announce(nullptr);
      return loaded;
    }
    // The thread is ending. Nothing that is replaced goes while the lock is held.
    std::lock_guard lock(detail::rc_retired::all().mutex);
    T* const at = at_.load(std::memory_order_seq_cst);
    return at == nullptr ? rc<T>() : rc<T>::from(*at);
  }

  // Destructors of what goes run in this thread, or in the owner's. O(threads), and a lock.
  void store(rc<T> value) noexcept {
    T* const before = at_.exchange(value.release(), std::memory_order_seq_cst);
    if (before != nullptr) detail::rc_retire(&detail::rc_header_of(before));
  }
  // Returns what was there. As store(); what is returned may still be borrowed by others.
  rc<T> exchange(rc<T> value) noexcept {
    T* const before = at_.exchange(value.release(), std::memory_order_seq_cst);
    if (before == nullptr) return {};
    rc<T> kept = rc<T>::from(*before);
    detail::rc_retire(&detail::rc_header_of(before));
    return kept;
  }

 private:
  // Announced and then still there: whoever takes it away from now on sees the announcement.
  T* announce(const detail::rc_hazard& hazard) const noexcept {
    T* at = at_.load(std::memory_order_acquire);
    for (;;) {
      hazard.announce(at == nullptr ? nullptr : &detail::rc_header_of(at));
      T* const still = at_.load(std::memory_order_seq_cst);
      if (still == at) return at;
      at = still;
    }
  }

  std::atomic<T*> at_{nullptr};
};

}  // namespace loam

#endif
