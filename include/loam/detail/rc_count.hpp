// Counting: what happens when a reference comes, and when one goes. Not for direct use.
//
// Locking: as in rc_threads.hpp. Code of the program (destructors) runs without any lock.
#ifndef LOAM_DETAIL_RC_COUNT_HPP
#define LOAM_DETAIL_RC_COUNT_HPP

#include <loam/detail/rc_threads.hpp>

#include <thread>

namespace loam::detail {

// From how many destructors inside each other on dead objects wait in a list instead: a chain of a million nodes must not take
// a million frames of the stack.
constexpr unsigned rc_deepest = 48;

// The newest candidate needs no search; all others are dropped when their list is gone through.
inline void rc_forget_candidate(rc_thread* mine, rc_header& object) noexcept {
  if (mine == nullptr || mine->candidates.empty() || mine->candidates.back() != &object) return;
  mine->candidates.pop_back();
  rc_drop_memory(object);
}

inline void rc_finish(rc_thread* mine, rc_header& object) noexcept {
  object.type->dispose(object);
  if (object.type->trace != nullptr) rc_forget_candidate(mine, object);
  rc_drop_memory(object);
}

// The destructor, and the memory if nothing names it. Requires: the object is dead, by the caller's doing.
inline void rc_destroy(rc_header& object) noexcept {
  rc_thread* const mine = rc_record();
  if (mine == nullptr) return rc_finish(mine, object);
  if (mine->depth >= rc_deepest && rc_push(mine->pending, object)) return;
  ++mine->depth;
  rc_finish(mine, object);
  while (mine->depth == 1 && !mine->pending.empty()) {
    rc_header& next = *mine->pending.back();
    mine->pending.pop_back();
    rc_finish(mine, next);
  }
  --mine->depth;
}

// Dead ones out of a list that has grown full; what they held is their memory.
inline void rc_drop_dead(rc_list& candidates) noexcept {
  std::erase_if(candidates, [](rc_header* object) {
    if (!rc_is_dead(*object)) return false;
    rc_drop_memory(*object);
    return true;
  });
}

inline bool rc_add_candidate(rc_list& to, rc_header& object) noexcept {
  if (to.size() == to.capacity()) {
    rc_drop_dead(to);
    try {
      if (to.size() * 2 >= to.capacity()) to.reserve(std::max<std::size_t>(256, to.capacity() * 2));
    } catch (const std::bad_alloc&) {
    }
  }
  return rc_push(to, object);
}

// Enters the object among those from which cycles are looked for. Requires: it stays alive meanwhile. Without memory nothing
// happens: a cycle is then not found by this candidate.
[[gnu::noinline]] inline void rc_note_candidate(rc_header& object) noexcept {
  if ((object.shared.fetch_or(rc_noted, std::memory_order_relaxed) & rc_noted) != 0) return;
  rc_hold_memory(object);
  if (rc_thread* const mine = rc_record()) {
    if (rc_add_candidate(mine->candidates, object)) return;
  } else {
    rc_registry& all = rc_registry::all();
    std::lock_guard lock(all.mutex);
    if (rc_add_candidate(all.candidates, object)) return;
  }
  object.shared.fetch_and(~rc_noted, std::memory_order_relaxed);
  object.weak.fetch_sub(1, std::memory_order_relaxed);  // the object lives, so that this is not the last
}

// Ends the ownership: the owner's part of the count goes into the shared one. Requires: the caller is the owner, or stands in for
// him, or there is none; a reference keeps the object from dying by it.
inline void rc_merge(rc_header& object, std::int32_t cleared) noexcept {
  const std::int64_t part =
      object.owner.load(std::memory_order_relaxed) == 0 ? 0 : std::int64_t{object.biased.count()};
  if (part != 0) {
    object.owner.store(0, std::memory_order_relaxed);
    object.biased.set(0);
  }
  std::int32_t seen = object.shared.load(std::memory_order_relaxed);
  std::int32_t wanted;
  do {
    const std::int64_t sum = rc_count(seen) + part;
    if (sum > rc_most) rc_refuse("more references than can be counted, to", &object);
    wanted = static_cast<std::int32_t>(sum) * rc_one + (((seen & (rc_one - 1)) | rc_merged) & ~cleared);
  } while (!object.shared.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel,
                                                std::memory_order_relaxed));
}

inline void rc_release_shared(rc_header& object) noexcept;

// All that waits for the thread. Runs destructors.
[[gnu::cold, gnu::noinline]] inline void rc_read_mail(rc_thread& mine) noexcept {
  rc_list mail;
  {
    std::lock_guard lock(mine.mutex);
    mail.swap(mine.mail);
    mine.has_mail.store(false, std::memory_order_relaxed);
  }
  for (rc_header* object : mail) {
    rc_merge(*object, rc_queued);
    rc_release_shared(*object);
  }
}

// The caller's reference, marked rc_queued, goes to the owner. Without memory for that it stays for ever, and so does the object.
[[gnu::cold, gnu::noinline]] inline void rc_send(std::uint32_t owner, rc_header& object) noexcept {
  rc_thread& to = rc_registry::all().with_number(owner);
  {
    std::lock_guard lock(to.mutex);
    if (to.alive) {
      if (rc_push(to.mail, object)) to.has_mail.store(true, std::memory_order_relaxed);
      return;
    }
    rc_merge(object, rc_queued);
  }
  rc_release_shared(object);
}

// A reference of a thread that is not the owner goes, in all cases that are not the common one.
[[gnu::noinline]] inline void rc_release_slow(rc_header& object) noexcept {
  for (;;) {
    const std::uint32_t owner = object.owner.load(std::memory_order_relaxed);
    std::int32_t seen = object.shared.load(std::memory_order_relaxed);
    std::int32_t wanted = seen - rc_one;
    if ((seen & (rc_merged | rc_queued)) == 0 && ((seen & rc_noted) == 0 || rc_count(seen) <= 0)) {
      // Only the owner knows the sum, and only he looks for cycles among what is his.
      if (owner == 0) {
        std::this_thread::yield();  // he is merging
        continue;
      }
      wanted = seen | rc_queued;
    } else if ((seen & (rc_noted | rc_queued)) == 0 && rc_count(seen) > 1) {
      rc_note_candidate(object);  // while it is held
      continue;
    }
    if (!object.shared.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel,
                                             std::memory_order_relaxed))
      continue;
    if (rc_is_dead(wanted)) return rc_destroy(object);
    if ((wanted & ~seen & rc_queued) != 0) rc_send(owner, object);
    return;
  }
}

// A reference of a thread that is not the owner goes. No candidate for a cycle, and held by others as well: that is all.
inline void rc_release_shared(rc_header& object) noexcept {
  std::int32_t seen = object.shared.load(std::memory_order_relaxed);
  // The only one beside the owner's: constants on both sides, so that the exchange need not wait for the load.
  std::int32_t only = rc_one | rc_noted;
  if (seen == only) {
    if (object.shared.compare_exchange_strong(only, rc_noted, std::memory_order_acq_rel,
                                              std::memory_order_relaxed)) [[likely]]
      return;
  } else if ((seen & rc_noted) != 0 && rc_count(seen) > 1 &&
             object.shared.compare_exchange_strong(seen, seen - rc_one, std::memory_order_acq_rel,
                                                   std::memory_order_relaxed)) [[likely]] {
    return;
  }
  rc_release_slow(object);
}

// The owner's last reference has gone.
[[gnu::noinline]] inline void rc_owner_is_done(rc_header& object) noexcept {
  const std::int32_t seen = object.shared.load(std::memory_order_acquire);
  if ((seen & ~rc_noted) == 0 && object.weak.load(std::memory_order_acquire) == 1) {
    // Nobody else knows of it: no locked instruction.
    object.owner.store(0, std::memory_order_relaxed);
    object.shared.store(seen | rc_merged, std::memory_order_relaxed);
    return rc_destroy(object);
  }
  // Others hold it, or could by a weak reference; what they hold may be a cycle. Not merged yet, it cannot go.
  if ((seen & rc_noted) == 0 && rc_count(seen) != 0) rc_note_candidate(object);
  object.owner.store(0, std::memory_order_relaxed);
  const std::int32_t before = object.shared.fetch_or(rc_merged, std::memory_order_acq_rel);
  if (rc_is_dead(before | rc_merged)) rc_destroy(object);
}

// Ends the ownership, so that everybody counts in the shared word. Requires: the caller is the owner and holds a reference.
inline void rc_unbias(rc_header& object) noexcept {
  if (object.owner.load(std::memory_order_relaxed) == rc_mine.number) rc_merge(object, 0);
}

// Makes the caller the owner. False, and nothing changed, unless the caller's reference is the only one and nobody counts yet.
inline bool rc_rebias(rc_header& object) noexcept {
  rc_thread* const mine = rc_record();
  std::int32_t seen = object.shared.load(std::memory_order_acquire);
  if (mine == nullptr || (seen & ~rc_noted) != (rc_merged | rc_one)) return false;
  object.biased.set(1);
  object.owner.store(mine->number, std::memory_order_relaxed);
  // A weak reference may become a strong one meanwhile.
  if (object.shared.compare_exchange_strong(seen, seen & rc_noted, std::memory_order_acq_rel)) return true;
  object.owner.store(0, std::memory_order_relaxed);
  object.biased.set(0);
  return false;
}

inline void rc_leave(rc_thread& record) noexcept {
  rc_list mail;
  {
    std::lock_guard lock(record.mutex);
    record.alive = false;
    mail.swap(record.mail);
    record.has_mail.store(false, std::memory_order_relaxed);
  }
  for (rc_header* object : mail) {
    {
      std::lock_guard lock(record.mutex);  // others stand in for the owner, too
      rc_merge(*object, rc_queued);
    }
    rc_release_shared(*object);
  }
  record.collector.reset();
  rc_registry& all = rc_registry::all();
  std::lock_guard lock(all.mutex);
  for (rc_header* object : record.candidates) rc_push(all.candidates, *object);
  rc_list().swap(record.candidates);  // with its memory, in which the search for leaks would find them
  all.idle.push_back(&record);        // there is room
}

}  // namespace loam::detail

#endif
