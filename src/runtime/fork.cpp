#include "runtime/fork.hpp"

#include <signal.h>
#include <sys/syscall.h>

#include "check/check.hpp"
#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "heap/registry.hpp"
#include "meta/arena.hpp"
#include "policy/policy.hpp"
#include "runtime/checking.hpp"
#include "runtime/recording.hpp"
#include "runtime/runtime.hpp"
#include "runtime/sites.hpp"
#include "runtime/statistics.hpp"
#include "sys/held_signals.hpp"
#include "sys/kernel.hpp"

namespace loam::runtime {

namespace {

constexpr unsigned kHeapLocks = 6;
constexpr unsigned kLocks = check::kLocks + kHeapLocks;

// In rank order.
sys::Lock* lock_at(unsigned index) {
  if (index < check::kLocks) return &check::lock_at(index);
  switch (index - check::kLocks) {
    case 0:
      return &sites_lock();
    case 1:
      return &heap::registry_lock();
    case 2:
      return &heap::regions.lock();
    case 3:
      return &heap::outside_lock();
    case 4:
      return &meta::arena.lock();
    default:
      return &policy::lock();
  }
}

// Locks that the forking thread held already: a signal handler that interrupted the heap forks. Guarded by the locks.
constinit bool held_before[kLocks];

constinit uint32_t forking = 0;  // the process that forks
// The mask of the forking thread's signals. Guarded by the locks as well.
constinit uint64_t signals_before = 0;

// A handler that interrupted a holder of the policy's lock wants memory from beside it, and with it locks of the heap: nobody may wait
// for that lock, the last one, while holding those.
void take_all() {
  for (;;) {
    for (unsigned i = 0; i + 1 < kLocks; ++i) {
      held_before[i] = lock_at(i)->held_by_me();
      if (!held_before[i]) lock_at(i)->lock();
    }
    sys::Lock& last = *lock_at(kLocks - 1);
    held_before[kLocks - 1] = last.held_by_me();
    if (held_before[kLocks - 1] || last.try_lock()) return;
    for (unsigned i = kLocks - 1; i-- > 0;) {
      if (!held_before[i]) lock_at(i)->unlock();
    }
    sys::yield();
  }
}

void before_fork() {
  forking = sys::process_id();
  // A handler that ran in this thread while it holds all locks could neither take nor wait for one: it would have to do without
  // memory. So signals wait.
  const uint64_t before = sys::hold_signals(sys::kEverySignal);
  take_all();
  signals_before = before;
}

void in_parent() {
  const uint64_t before = signals_before;
  for (unsigned i = kLocks; i-- > 0;) {
    if (!held_before[i]) lock_at(i)->unlock();
  }
  sys::set_signal_mask(before);
}

void in_child() {
  const uint64_t before = signals_before;
  for (unsigned i = kLocks; i-- > 0;) lock_at(i)->reset();
  heap::ThreadHeap* mine = thread_heap();
  if (mine != nullptr) mine->thread = sys::thread_id();
  heap::orphan_others(mine);
  if (mode() == Mode::kStats) restart_statistics();
  if (mode() == Mode::kCheck) restart_checking();
  if (mode() == Mode::kRecord) restart_recording(forking);
  sys::set_signal_mask(before);
}

}  // namespace

// What pthread_atfork calls. It is taken directly because it wants no handle of a library: ours is never unloaded.
extern "C" int __register_atfork(void (*prepare)(), void (*parent)(), void (*child)(),
                                 void* library) noexcept;

void prepare_fork() { __register_atfork(before_fork, in_parent, in_child, nullptr); }

}  // namespace loam::runtime
