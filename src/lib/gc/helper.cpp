#include "lib/gc/helper.hpp"

#include <linux/futex.h>
#include <signal.h>

#include "lib/gc/heap.hpp"
#include "lib/gc/stop.hpp"
#include "sys/kernel.hpp"
#include "sys/sanitizer.hpp"
#include "sys/side_thread.hpp"
#include "sys/syscall.hpp"

namespace loam::collector {

namespace {

constexpr uint64_t kStackBytes = 64 << 10;
constexpr uint64_t kStorageBytes = 8 << 10;

constinit Pool pool;
constinit Marker second;
constinit std::atomic<uint32_t> event{0};      // counts what it may want to look at
constinit std::atomic<uint32_t> helper_id{0};  // of the thread; 0 until it runs
constinit std::atomic<uint64_t> taken{0};
constinit std::atomic<Background> background{nullptr};
constinit bool started = false;
constinit bool inside = false;  // the pool: whoever collects, for good

void wait_for_event(uint32_t seen) {
  sys::raw_call(SYS_futex, reinterpret_cast<long>(&event), FUTEX_WAIT_PRIVATE, static_cast<long>(seen), 0);
}

// Runs on the side thread: no libc.
void help(void*) {
  helper_id.store(sys::thread_id(), std::memory_order_release);
  for (;;) {
    const uint32_t seen = event.load(std::memory_order_acquire);
    const Background other = background.load(std::memory_order_acquire);
    if (other != nullptr && other()) continue;
    if (pool.enter()) {
      second.help(pool);
      taken.store(second.objects(), std::memory_order_relaxed);
      pool.leave();
    }
    // What is left of it has nothing for this thread.
    while (event.load(std::memory_order_acquire) == seen) wait_for_event(seen);
  }
}

bool start_thread() {
  // The thread sanitizer keeps its account of a thread where libc put it; this one has none.
  if (LOAM_WATCHED_THREADS != 0) return false;
  if (started) return helper_id.load(std::memory_order_relaxed) != 0;
  started = true;
  if (!inside) {
    inside = pool.enter();
    pool.close();
  }
  auto* memory = static_cast<char*>(sys::map(kStackBytes + kStorageBytes));
  if (memory == nullptr) return false;
  const bool runs =
      sys::start_side_thread(help, nullptr, memory + kStackBytes, memory + kStackBytes + kStorageBytes / 2);
  if (!runs) return false;
  while (helper_id.load(std::memory_order_acquire) == 0) sys::yield();
  spare_thread(helper_id.load(std::memory_order_relaxed));
  return true;
}

}  // namespace

void wake_helper() {
  event.fetch_add(1, std::memory_order_acq_rel);
  sys::raw_call(SYS_futex, reinterpret_cast<long>(&event), FUTEX_WAKE_PRIVATE, 1);
}

Marker& second_marker() { return second; }

bool start_helper(Background other) {
  background.store(other, std::memory_order_release);
  return start_thread();
}

uint64_t drain_with_help(Marker& marker, bool wanted) {
  if (!wanted || heap.settings.markers < 2 || !start_thread() || !second.prepare()) {
    marker.drain();
    return 0;
  }
  marker.join(second);
  taken.store(0, std::memory_order_relaxed);
  pool.reopen();
  wake_helper();
  marker.drain_shared(pool);
  pool.close();
  return taken.load(std::memory_order_relaxed);
}

void forget_helper() {
  started = false;
  helper_id.store(0, std::memory_order_relaxed);
  spare_thread(0);
}

}  // namespace loam::collector
