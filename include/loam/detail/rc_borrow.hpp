// Borrowing: keeping an object alive without counting (M. Michael, "Hazard pointers", 2004). Not for direct use.
//
// A thread announces what it is about to use; whoever takes the last known way to an object away holds a reference until no
// announcement names it. Invariant: an announcement that was followed by seeing the object still in its place is seen by everyone who
// takes it from there (both are sequentially consistent).
// Locking: a mutex for what waits; taken by rc_retire(), not by those who borrow.
#ifndef LOAM_DETAIL_RC_BORROW_HPP
#define LOAM_DETAIL_RC_BORROW_HPP

#include <loam/detail/rc_count.hpp>

#include <bit>

namespace loam::detail {

struct rc_retired {
  std::mutex mutex;
  rc_list waiting;  // each with a reference

  static rc_retired& all() {
    static auto* const retired = new rc_retired;
    return *retired;
  }
};

inline bool rc_is_borrowed(const rc_header& object) noexcept {
  for (const rc_thread* each = rc_registry::all().newest.load(std::memory_order_seq_cst); each != nullptr;
       each = each->older) {
    for (const auto& hazard : each->hazards) {
      if (hazard.load(std::memory_order_seq_cst) == &object) return true;
    }
  }
  return false;
}

// Forward: a reference goes, whoever the caller is.
void rc_release(rc_header& object) noexcept;

// The caller's reference goes as soon as nobody borrows the object; null: only what waits is looked at. O(threads) for each that waits.
[[gnu::cold, gnu::noinline]] inline void rc_retire(rc_header* object) noexcept {
  rc_retired& all = rc_retired::all();
  for (;;) {
    rc_header* gone = nullptr;
    {
      std::lock_guard lock(all.mutex);
      if (object != nullptr) {
        if (!rc_is_borrowed(*object)) {
          gone = object;
        } else if (!rc_push(all.waiting, *object)) {
          // Without memory for the list the reference stays, and so does the object.
        }
        object = nullptr;
      } else {
        const auto free = std::find_if(all.waiting.begin(), all.waiting.end(),
                                       [](const rc_header* each) { return !rc_is_borrowed(*each); });
        if (free == all.waiting.end()) return;
        gone = *free;
        *free = all.waiting.back();
        all.waiting.pop_back();
      }
    }
    if (gone != nullptr) rc_release(*gone);  // runs destructors: without the lock
  }
}

// A place for an announcement; null if all of the thread's are taken, or it has none.
struct rc_hazard {
  rc_thread* thread = nullptr;
  unsigned index = 0;

  static rc_hazard take() noexcept {
    rc_thread* const mine = rc_record();
    if (mine == nullptr || mine->free_hazards == 0) [[unlikely]]
      return {};
    const auto index = static_cast<unsigned>(std::countr_zero(mine->free_hazards));
    mine->free_hazards &= mine->free_hazards - 1;
    return {mine, index};
  }
  void give_back() const noexcept {
    thread->hazards[index].store(nullptr, std::memory_order_release);
    thread->free_hazards |= 1u << index;
  }
  void announce(const rc_header* object) const noexcept {
    thread->hazards[index].store(object, std::memory_order_seq_cst);
  }
};

}  // namespace loam::detail

#endif
