// bdwgc's variables, the functions that get and set them, and the heap's figures.
#include <string.h>

#include "base/bits.hpp"
#include "lib/gc/collect.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc_c/export.hpp"
#include "lib/gc_c/variables.hpp"

namespace collector = loam::collector;

#define LOAM_VARIABLE __attribute__((visibility("default")))

// A variable, and the two functions for it. The setting counts from the next collection on.
#define LOAM_SETTING(type, name, value)                       \
  extern "C" LOAM_VARIABLE type GC_##name;                    \
  type GC_##name = value;                                     \
  LOAM_EXPORT void GC_set_##name(type to) { GC_##name = to; } \
  LOAM_EXPORT type GC_get_##name(void) { return GC_##name; }

using OomFunction = void* (*)(size_t);
using Notifier = void (*)();
using ResizeNotifier = void (*)(uint64_t);

LOAM_SETTING(int, all_interior_pointers, 1)
LOAM_SETTING(int, dont_expand, 0)
LOAM_SETTING(int, dont_precollect, 0)
LOAM_SETTING(int, find_leak, 0)
LOAM_SETTING(int, finalize_on_demand, 0)
LOAM_SETTING(int, full_freq, 19)
LOAM_SETTING(int, java_finalization, 0)
LOAM_SETTING(int, no_dls, 0)
LOAM_SETTING(Notifier, finalizer_notifier, nullptr)
LOAM_SETTING(uint64_t, free_space_divisor, 3)
LOAM_SETTING(uint64_t, max_retries, 0)
LOAM_SETTING(uint64_t, non_gc_bytes, 0)
LOAM_SETTING(OomFunction, oom_fn, nullptr)
LOAM_SETTING(ResizeNotifier, on_heap_resize, nullptr)
LOAM_SETTING(uint64_t, time_limit, 50)

extern "C" {
LOAM_VARIABLE int GC_dont_gc = 0;
LOAM_VARIABLE uint64_t GC_gc_no = 0;
LOAM_VARIABLE int GC_parallel = 1;
LOAM_VARIABLE char* GC_stackbottom = nullptr;
LOAM_VARIABLE int GC_use_entire_heap = 0;
}

namespace {

struct ProfStats {
  uint64_t heapsize_full;
  uint64_t free_bytes_full;
  uint64_t unmapped_bytes;
  uint64_t bytes_allocd_since_gc;
  uint64_t allocd_bytes_before_gc;
  uint64_t non_gc_bytes;
  uint64_t gc_no;
  uint64_t markers_m1;
  uint64_t bytes_reclaimed_since_gc;
  uint64_t reclaimed_bytes_before_gc;
  uint64_t expl_freed_bytes_since_gc;
  uint64_t obtained_from_os_bytes;
};

uint64_t free_bytes() {
  const uint64_t used = collector::heap.figures.live_bytes + collector::allocated_since_collection();
  const uint64_t all = collector::space.used_bytes();
  return all > used ? all - used : 0;
}

ProfStats figures() {
  const auto& figures = collector::heap.figures;
  return {collector::space.used_bytes(),
          free_bytes(),
          0,
          collector::allocated_since_collection(),
          figures.allocated_before,
          GC_non_gc_bytes,
          GC_gc_no,
          collector::heap.settings.markers > 1 ? 1u : 0u,
          0,
          figures.reclaimed_bytes,
          figures.freed_bytes - figures.freed_before,
          collector::space.used_bytes()};
}

}  // namespace

LOAM_EXPORT int GC_get_disable_automatic_collection(void) {
  return collector::heap.settings.disabled != 0 ? 1 : 0;
}
LOAM_EXPORT void GC_set_disable_automatic_collection(int on) {
  collector::heap.settings.disabled = on != 0 ? 1 : 0;
}
LOAM_EXPORT uint64_t GC_get_gc_no(void) { return GC_gc_no; }
LOAM_EXPORT size_t GC_get_heap_size(void) { return collector::space.used_bytes(); }
LOAM_EXPORT size_t GC_get_free_bytes(void) { return free_bytes(); }
LOAM_EXPORT size_t GC_get_unmapped_bytes(void) { return 0; }
LOAM_EXPORT size_t GC_get_bytes_since_gc(void) { return collector::allocated_since_collection(); }
LOAM_EXPORT size_t GC_get_expl_freed_bytes_since_gc(void) {
  return collector::heap.figures.freed_bytes - collector::heap.figures.freed_before;
}
LOAM_EXPORT size_t GC_get_total_bytes(void) { return collector::heap.figures.allocated_bytes; }
LOAM_EXPORT size_t GC_get_obtained_from_os_bytes(void) { return collector::space.used_bytes(); }
LOAM_EXPORT size_t GC_get_memory_use(void) {
  return collector::heap.figures.live_bytes + collector::allocated_since_collection();
}
LOAM_EXPORT void GC_get_heap_usage_safe(uint64_t* heap_bytes, uint64_t* free_now, uint64_t* unmapped,
                                        uint64_t* since, uint64_t* total) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  if (heap_bytes != nullptr) *heap_bytes = collector::space.used_bytes();
  if (free_now != nullptr) *free_now = free_bytes();
  if (unmapped != nullptr) *unmapped = 0;
  if (since != nullptr) *since = collector::allocated_since_collection();
  if (total != nullptr) *total = collector::heap.figures.allocated_bytes;
}
LOAM_EXPORT size_t GC_get_prof_stats_unsafe(void* to, size_t bytes) {
  const ProfStats stats = figures();
  const size_t count = bytes < sizeof stats ? bytes : sizeof stats;
  memcpy(to, &stats, count);
  if (bytes > count) memset(static_cast<char*>(to) + count, 0xff, bytes - count);
  return count;
}
LOAM_EXPORT size_t GC_get_prof_stats(void* to, size_t bytes) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  return GC_get_prof_stats_unsafe(to, bytes);
}
LOAM_EXPORT void GC_start_performance_measurement(void) {}
LOAM_EXPORT unsigned long GC_get_full_gc_total_time(void) {
  return collector::heap.figures.total_pause_ns / 1'000'000;
}

LOAM_EXPORT void GC_set_max_heap_size(uint64_t bytes) {
  if (!loam::gc_c::ready()) return;
  const loam::sys::LockGuard guard(collector::heap.lock);
  // A block is the least that can be forbidden.
  collector::space.set_limit(bytes == 0 ? UINT64_MAX : loam::base::align_down(bytes, collector::kBlockBytes));
}
LOAM_EXPORT int GC_expand_hp(size_t bytes) {
  if (!loam::gc_c::ready()) return 0;
  const loam::sys::LockGuard guard(collector::heap.lock);
  return collector::space.grow_to(collector::space.used_bytes() + bytes) ? 1 : 0;
}

// Marks are taken back at the end of each collection: in between, what is live counts as marked.
LOAM_EXPORT int GC_is_marked(const void* object) {
  const collector::Slot slot = collector::space.find(reinterpret_cast<uint64_t>(object));
  return collector::space.is_live(slot) && !collector::space.is_open(slot) ? 1 : 0;
}
LOAM_EXPORT void* GC_same_obj(void* object, void* other) { return object == nullptr ? other : object; }
LOAM_EXPORT void* GC_is_valid_displacement(void* object) { return object; }
LOAM_EXPORT void* GC_is_visible(void* object) { return object; }
LOAM_EXPORT void* GC_pre_incr(void** pointer, ptrdiff_t by) {
  return *pointer = static_cast<char*>(*pointer) + by;
}
LOAM_EXPORT void* GC_post_incr(void** pointer, ptrdiff_t by) {
  void* before = *pointer;
  *pointer = static_cast<char*>(before) + by;
  return before;
}

// Requires: the lock is held, as within GC_call_with_alloc_lock.
LOAM_EXPORT void GC_enumerate_reachable_objects_inner(void (*visit)(void*, size_t, void*), void* argument) {
  for (uint32_t number = 0; number < collector::space.block_count(); ++number) {
    const collector::Block& block = collector::space.block(number);
    if (block.state != collector::State::kSmall && block.state != collector::State::kLarge) continue;
    const uint64_t* live = collector::space.live(number);
    for (unsigned i = 0; i < collector::Space::words(block); ++i) {
      for (uint64_t rest = live[i]; rest != 0; rest &= rest - 1) {
        const collector::Slot slot{number, i * 64 + loam::base::lowest_bit(rest)};
        visit(reinterpret_cast<void*>(collector::space.start_of(slot)), collector::space.bytes_of(slot),
              argument);
      }
    }
  }
}
