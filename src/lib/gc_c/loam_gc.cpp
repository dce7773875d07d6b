// What gc.hpp calls: loam_gc_*.
#include <loam/detail/gc_interface.hpp>

#include "base/bits.hpp"
#include "lib/gc/collect.hpp"
#include "lib/gc/ephemerons.hpp"
#include "lib/gc/finalize.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc/roots.hpp"
#include "lib/gc_c/bdwgc.hpp"
#include "lib/gc_c/export.hpp"
#include "lib/gc_c/variables.hpp"

namespace collector = loam::collector;
using collector::Ephemerons;
using collector::Kind;

// The header's types and kinds are ours, seen through C.
static_assert(sizeof(loam_gc_type) == sizeof(collector::Type));
static_assert(LOAM_GC_ATOMIC == static_cast<int>(Kind::kAtomic) &&
              LOAM_GC_KEPT == static_cast<int>(Kind::kKept) &&
              LOAM_GC_KEPT_ATOMIC == static_cast<int>(Kind::kKeptAtomic) &&
              LOAM_GC_TYPED == static_cast<int>(Kind::kTyped));
static_assert(sizeof(loam_gc_statistics::pauses) == sizeof(collector::Figures::pauses));

namespace {

uint64_t word(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

}  // namespace

LOAM_EXPORT void* loam_gc_allocate(int kind, size_t bytes) {
  return collector::allocate(static_cast<Kind>(kind), bytes);
}
LOAM_EXPORT void loam_gc_free(void* object) { collector::release(word(object)); }
LOAM_EXPORT void loam_gc_mark(void* marker, const void* address, const void* where) {
  static_cast<collector::Marker*>(marker)->add_word_at(word(address), word(where));
}
LOAM_EXPORT void loam_gc_mark_range(void* marker, const void* start, const void* end) {
  static_cast<collector::Marker*>(marker)->add_range(word(start), word(end));
}
LOAM_EXPORT void loam_gc_collect(void) { GC_gcollect(); }
LOAM_EXPORT void loam_gc_set_automatic(int on) {
  loam::gc_c::ready();
  collector::heap.settings.disabled = on != 0 ? 0 : 1;
}
LOAM_EXPORT void loam_gc_set_limit(uint64_t bytes) {
  loam::gc_c::ready();
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::space.set_limit(bytes == 0 ? UINT64_MAX : loam::base::align_down(bytes, collector::kBlockBytes));
}
LOAM_EXPORT void loam_gc_set_conservative(int on) {
  loam::gc_c::ready();
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::roots.set_conservative(on != 0);
}
LOAM_EXPORT int loam_gc_conservative(void) { return collector::roots.conservative() ? 1 : 0; }

LOAM_EXPORT void loam_gc_figures(loam_gc_statistics* to) {
  loam::gc_c::ready();
  const loam::sys::LockGuard guard(collector::heap.lock);
  const collector::Figures& from = collector::heap.figures;
  *to = {from.collections,    collector::space.used_bytes(), from.live_bytes,
         from.live_objects,   from.allocated_bytes,          from.reclaimed_bytes,
         from.total_pause_ns, from.longest_pause_ns,         {}};
  for (unsigned i = 0; i < collector::kPauseSteps; ++i) to->pauses[i] = from.pauses[i];
}

LOAM_EXPORT int loam_gc_finalize(void* object, void (*function)(void*, void*), void* data, int ordered) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  const auto order = ordered != 0 ? collector::Order::kOrdered : collector::Order::kNone;
  return collector::finalizers.set(word(object), function, data, order, nullptr, nullptr) ? 1 : 0;
}
LOAM_EXPORT unsigned loam_gc_run_finalizers(void) { return collector::run_finalizers(); }

LOAM_EXPORT int loam_gc_link(void** link, const void* object) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  return collector::finalizers.add_link(word(link), word(object), false) !=
                 collector::Finalizers::Added::kNoMemory
             ? 1
             : 0;
}
LOAM_EXPORT void loam_gc_unlink(void** link) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::finalizers.remove_link(word(link), false);
}

LOAM_EXPORT void* loam_gc_ephemerons_new(void) {
  loam::gc_c::ready();
  const loam::sys::LockGuard guard(collector::heap.lock);
  return collector::ephemerons.make();
}
LOAM_EXPORT void loam_gc_ephemerons_delete(void* map) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::ephemerons.remove(static_cast<Ephemerons::Map*>(map));
}
LOAM_EXPORT int loam_gc_ephemerons_set(void* map, const void* key, void* value) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  Ephemerons::Entry* entry = static_cast<Ephemerons::Map*>(map)->entries.insert(word(key));
  if (entry == nullptr) return 0;
  entry->value = word(value);
  return 1;
}
LOAM_EXPORT void* loam_gc_ephemerons_get(void* map, const void* key) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  const Ephemerons::Entry* entry = static_cast<Ephemerons::Map*>(map)->entries.find(word(key));
  return entry != nullptr ? reinterpret_cast<void*>(entry->value) : nullptr;
}
LOAM_EXPORT void loam_gc_ephemerons_erase(void* map, const void* key) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  static_cast<Ephemerons::Map*>(map)->entries.erase(word(key));
}
LOAM_EXPORT size_t loam_gc_ephemerons_size(void* map) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  return static_cast<Ephemerons::Map*>(map)->entries.count();
}
