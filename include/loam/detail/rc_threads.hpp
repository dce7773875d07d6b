// The threads as counted objects know them: numbers for owners, mail for them, and what each thread keeps. Not for direct use.
//
// A thread that ends leaves its record, with its number, to the next one that comes, which so becomes the owner of what is left. As long
// as nobody has it, whoever needs the owner to merge an object does that himself, under the record's lock.
//
// Invariants: records are never destroyed; each object in `mail` has the flag rc_queued and holds a reference; each in
// `candidates` holds the memory of its object.
// Locking: `mutex` of a record protects `alive` and `mail`, and stands for the owner while `alive` is false. The registry's is
// taken before it. No code of the program runs under either.
#ifndef LOAM_DETAIL_RC_THREADS_HPP
#define LOAM_DETAIL_RC_THREADS_HPP

#include <loam/detail/rc_header.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace loam::detail {

using rc_list = std::vector<rc_header*>;

// False without memory.
inline bool rc_push(rc_list& to, rc_header& object) noexcept {
  try {
    to.push_back(&object);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

class rc_collector;

struct rc_thread {
  static constexpr std::uint32_t no_number = ~std::uint32_t{0};
  // One is kept for rc_cell::load().
  static constexpr unsigned hazard_count = 8;

  rc_thread(std::uint32_t its_number, rc_thread* older_one) noexcept : number(its_number), older(older_one) {}

  const std::uint32_t number;
  rc_thread* const older;  // record

  std::mutex mutex;
  bool alive = true;
  rc_list mail;
  std::atomic<bool> has_mail{false};

  // Of the owner alone.
  rc_list candidates;
  rc_list pending;  // dead, and to be destroyed by the outermost destroy()
  unsigned depth = 0;
  unsigned free_hazards = (1u << hazard_count) - 2;
  std::shared_ptr<rc_collector> collector;

  // What the thread has borrowed; written by it, read by all.
  alignas(64) std::array<std::atomic<const void*>, hazard_count> hazards{};
};

// What a thread knows of itself; without a constructor, so that asking takes no test.
struct rc_here {
  std::uint32_t number;
  rc_thread* record;  // null: none yet, or the thread is ending
  bool ended;
};
[[gnu::tls_model("initial-exec")]] inline thread_local constinit rc_here rc_mine{rc_thread::no_number,
                                                                                 nullptr, false};

struct rc_registry {
  std::mutex mutex;
  std::vector<rc_thread*> threads;  // the one with number n at n - 1
  std::vector<rc_thread*> idle;
  rc_list candidates;  // of threads that have ended
  std::atomic<rc_thread*> newest{nullptr};
  std::atomic<const void*> standing_in{nullptr};  // the collector that looks after what has no living owner

  // Never destroyed: threads may end after main.
  static rc_registry& all() {
    static auto* const registry = new rc_registry;
    return *registry;
  }
  rc_thread& with_number(std::uint32_t number) {
    std::lock_guard lock(mutex);
    return *threads[number - 1];
  }

  // Null without memory.
  rc_thread* enter() noexcept {
    std::lock_guard lock(mutex);
    if (!idle.empty()) {
      rc_thread* const record = idle.back();
      idle.pop_back();
      std::lock_guard mine(record->mutex);
      record->alive = true;
      return record;
    }
    try {
      threads.reserve(threads.size() + 1);
      idle.reserve(threads.size() + 1);
      auto* const record = new rc_thread(static_cast<std::uint32_t>(threads.size() + 1), newest.load());
      threads.push_back(record);
      newest.store(record, std::memory_order_release);
      return record;
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
};

// What lets go of everything that a thread has kept for itself; see rc_leave().
void rc_leave(rc_thread& record) noexcept;

struct rc_end_of_thread {
  ~rc_end_of_thread() {
    rc_thread* const record = std::exchange(rc_mine.record, nullptr);
    rc_mine.number = rc_thread::no_number;
    rc_mine.ended = true;
    if (record != nullptr) rc_leave(*record);
  }
};

[[gnu::cold, gnu::noinline]] inline rc_thread* rc_enter() noexcept {
  if (rc_mine.ended) return nullptr;
  static thread_local rc_end_of_thread end;
  (void)end;
  rc_thread* const record = rc_registry::all().enter();
  if (record != nullptr) rc_mine = {record->number, record, false};
  return record;
}

// Null while the thread is ending, or without memory: objects then have no owner from the start, and all is done at once.
inline rc_thread* rc_record() noexcept {
  rc_thread* const record = rc_mine.record;
  return record != nullptr ? record : rc_enter();
}

}  // namespace loam::detail

#endif
