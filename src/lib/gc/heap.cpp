#include "lib/gc/heap.hpp"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/bits.hpp"
#include "base/text.hpp"
#include "lib/gc/cycle.hpp"
#include "lib/gc/finalize.hpp"
#include "lib/gc/generations.hpp"
#include "lib/gc/helper.hpp"
#include "lib/gc/settings.hpp"
#include "lib/gc/space.hpp"
#include "lib/gc/stop.hpp"
#include "lib/gc/thread.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

constinit Heap heap;

namespace {

unsigned processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&set));
}

void before_fork() {
  heap.lock.lock();
  cycle.hold();
}
void in_parent() {
  cycle.let_go();
  heap.lock.unlock();
}
void in_child() {
  forget_helper();
  cycle.after_fork();
  threads.after_fork();
  generations.after_fork();
  heap.lock.unlock();
}

// Before anything can be allocated: a fork while another thread starts the heap would leave the child with the lock held.
__attribute__((constructor)) void watch_forks() { pthread_atfork(before_fork, in_parent, in_child); }

void add_bytes(base::Text& text, const char* name, uint64_t bytes) {
  text.add(name).add(bytes / 1024).add(" KiB");
}

}  // namespace

bool start() {
  if (heap.started.load(std::memory_order_acquire)) return true;
  {
    const sys::LockGuard guard(heap.lock);
    if (heap.started.load(std::memory_order_relaxed)) return true;
    read_settings(heap.settings, processors());
    if (!space.open()) return false;
    space.set_limit(initial_limit());
    space.grow_to(initial_bytes());
    prepare_stop();
    heap.started.store(true, std::memory_order_release);
  }
  if (heap.settings.print_statistics) atexit(print_statistics);
  return true;
}

void count_pause(uint64_t nanoseconds) {
  Figures& figures = heap.figures;
  figures.total_pause_ns += nanoseconds;
  if (nanoseconds > figures.longest_pause_ns) figures.longest_pause_ns = nanoseconds;
  const uint64_t microseconds = nanoseconds / 1000;
  unsigned step = microseconds == 0 ? 0 : base::highest_bit(microseconds);
  if (step >= kPauseSteps) step = kPauseSteps - 1;
  ++figures.pauses[step];
}

void print_statistics() {
  const Figures& figures = heap.figures;
  base::Text text;
  text.add("loam-gc: ").add(figures.collections).add(" collections (").add(figures.young_collections);
  text.add(" of young objects, ").add(figures.concurrent_collections).add(" while the program ran), ");
  add_bytes(text, "allocated ", figures.allocated_bytes);
  add_bytes(text, ", reclaimed ", figures.reclaimed_bytes);
  add_bytes(text, ", freed ", figures.freed_bytes);
  add_bytes(text, ", live ", figures.live_bytes);
  add_bytes(text, " (at most ", figures.most_live_bytes);
  text.add(" in ").add(figures.live_objects).add(" objects now)\n");
  add_bytes(text, "loam-gc: heap ", space.used_bytes());
  text.add(", huge pages joined ")
      .add(figures.joined_pages)
      .add(", pauses ")
      .add(figures.total_pause_ns / 1000)
      .add(" us together, longest ");
  text.add(figures.longest_pause_ns / 1000).add(" us; by length:");
  for (unsigned i = 0; i < kPauseSteps; ++i) {
    if (figures.pauses[i] != 0)
      text.add(" ").add(uint64_t{1} << i).add(" us ").add(figures.pauses[i]).add(",");
  }
  text.add("\n");
  sys::write_error(text.data(), text.size());
}

}  // namespace loam::collector
