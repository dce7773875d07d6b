// Start, collections, roots, messages.
#include <dlfcn.h>
#include <string.h>

#include "base/text.hpp"
#include "lib/gc/collect.hpp"
#include "lib/gc/cycle.hpp"
#include "lib/gc/finalize.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc/marker.hpp"
#include "lib/gc/roots.hpp"
#include "lib/gc/stop.hpp"
#include "lib/gc_c/bdwgc.hpp"
#include "lib/gc_c/export.hpp"
#include "lib/gc_c/variables.hpp"
#include "sys/kernel.hpp"

namespace collector = loam::collector;

namespace {

using WarnProc = void (*)(char*, uint64_t);
using Event = void (*)(int);
using Callback = void (*)();
using StopFunction = int (*)();

// bdwgc's numbers of what happens in a collection.
enum : int {
  kStart,
  kMarkStart,
  kMarkEnd,
  kReclaimStart,
  kReclaimEnd,
  kEnd,
  kPreStop,
  kPostStop,
  kPreStart,
  kPostStart
};

// A message has one number at most, at a % that nothing is said of but that it is one.
void print_warning(char* format, uint64_t argument) {
  loam::base::Text text;
  const char* at = strchr(format, '%');
  if (at == nullptr) {
    text.add(format);
  } else {
    char front[2] = {};
    for (const char* c = format; c < at; ++c) {
      front[0] = *c;
      text.add(front);
    }
    text.add_hex(argument).add(at + strspn(at, "%lzpdux"));
  }
  loam::sys::write_error(text.data(), text.size());
}

constinit WarnProc warn_proc = print_warning;
constinit Event on_event = nullptr;
constinit Callback on_start = nullptr;
constinit StopFunction stop_asked = nullptr;
constinit Callback push_other_roots = nullptr;
constinit collector::Marker* marking = nullptr;
constinit bool prepared = false;
constinit uint64_t growth_at_start = 0;

// Variables are the program's to write at any time.
void read_variables() {
  collector::heap.settings.find_leaks = GC_find_leak != 0;
  collector::heap.settings.finalize_on_demand = GC_finalize_on_demand != 0;
  collector::set_finalizer_notifier(GC_finalizer_notifier);
  collector::roots.set_libraries(GC_no_dls == 0);
  // What the environment says of growth stands for the divisor's default.
  if (GC_free_space_divisor != 0)
    collector::heap.settings.growth_percent = growth_at_start * kDefaultDivisor / GC_free_space_divisor;
}

void observe(bool begins) {
  if (begins) {
    read_variables();
    if (on_start != nullptr) on_start();
    if (on_event != nullptr) on_event(kStart), on_event(kPreStop), on_event(kPostStop), on_event(kMarkStart);
    return;
  }
  ++GC_gc_no;
  if (on_event != nullptr)
    on_event(kMarkEnd), on_event(kPreStart), on_event(kPostStart), on_event(kReclaimStart),
        on_event(kReclaimEnd), on_event(kEnd);
}

void add_roots_of_program(collector::Marker& marker) {
  marking = &marker;
  if (push_other_roots != nullptr) push_other_roots();
  marking = nullptr;
}

void report_leak(uint64_t address, uint64_t bytes) {
  const char* file = nullptr;
  int line = 0;
  loam::base::Text text;
  text.add("loam-gc: leaked object ").add_hex(address).add(" (").add(bytes).add(" bytes");
  if (loam::gc_c::origin_of(address, &file, &line) && file != nullptr)
    text.add(", allocated at ").add(file).add(":").add(static_cast<uint64_t>(line));
  text.add(")\n");
  loam::sys::write_error(text.data(), text.size());
}

bool collect_now(int (*stop)()) {
  if (!loam::gc_c::ready() || (stop != nullptr && stop() != 0)) return false;
  if (collector::current == nullptr && collector::threads.join(0) == nullptr) return false;
  {
    const loam::sys::LockGuard guard(collector::heap.lock);
    collector::collect(collector::Reason::kAsked);
  }
  if (collector::finalizers.due()) collector::run_finalizers_automatically();
  return true;
}

}  // namespace

namespace loam::gc_c {

bool ready() {
  if (prepared) return true;
  if (GC_find_leak != 0) collector::heap.settings.find_leaks = true;
  if (!collector::start()) return false;
  {
    const sys::LockGuard guard(collector::heap.lock);
    if (prepared) return true;
    growth_at_start = collector::heap.settings.growth_percent;
    if (collector::heap.settings.find_leaks) GC_find_leak = 1;
    collector::heap.forbidden = &GC_dont_gc;
    collector::roots.leave_out_module(&prepared);
    collector::set_collection_observer(observe);
    collector::set_leak_observer(report_leak);
    collector::set_more_roots(add_roots_of_program);
    prepared = true;
  }
  if (collector::current == nullptr) collector::threads.join(0);
  return true;
}

void* out_of_memory(size_t bytes) { return GC_oom_fn != nullptr ? GC_oom_fn(bytes) : nullptr; }

void warn(const char* format, uint64_t argument) {
  if (warn_proc != nullptr) warn_proc(const_cast<char*>(format), argument);
}

}  // namespace loam::gc_c

// Before the program's own constructors, since a library's may allocate first.
__attribute__((constructor)) static void at_load() { loam::gc_c::ready(); }

LOAM_EXPORT void GC_init(void) { loam::gc_c::ready(); }
LOAM_EXPORT int GC_is_init_called(void) { return prepared ? 1 : 0; }
LOAM_EXPORT void GC_deinit(void) {}
LOAM_EXPORT unsigned GC_get_version(void) { return 8u << 16 | 2u << 8 | 2u; }

LOAM_EXPORT void GC_gcollect(void) { collect_now(nullptr); }
LOAM_EXPORT void GC_gcollect_and_unmap(void) {
  collect_now(nullptr);
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::space.purge();
}
LOAM_EXPORT int GC_try_to_collect(int (*stop)(void)) { return collect_now(stop) ? 1 : 0; }
// What is the program's part of a collection beside it; one begins when half of its time has come. Returns whether there is more to do.
// Where none can be, the next collection is brought forward instead.
LOAM_EXPORT int GC_collect_a_little(void) {
  if (!loam::gc_c::ready()) return 0;
  if (collector::current == nullptr && collector::threads.join(0) == nullptr) return 0;
  bool half = false;
  {
    const loam::sys::LockGuard guard(collector::heap.lock);
    if (collector::cycle.going_on()) {
      collector::cycle.advance();
    } else {
      half = !collector::is_forbidden() &&
             2 * collector::allocated_since_collection() >= collector::growth_to_collection();
      if (half && collector::cycle.begin()) half = false;
    }
  }
  if (half) collect_now(stop_asked);
  if (collector::finalizers.due()) collector::run_finalizers_automatically();
  return collector::cycle.going_on() ? 1 : 0;
}
LOAM_EXPORT void GC_disable(void) { ++GC_dont_gc; }
LOAM_EXPORT void GC_enable(void) { --GC_dont_gc; }
LOAM_EXPORT int GC_is_disabled(void) { return GC_dont_gc != 0 ? 1 : 0; }
// Marking beside the program, even where there is one processor.
LOAM_EXPORT void GC_enable_incremental(void) {
  loam::gc_c::ready();
  collector::heap.settings.concurrent = true;
}
LOAM_EXPORT int GC_is_incremental_mode(void) { return collector::heap.settings.concurrent ? 1 : 0; }
LOAM_EXPORT int GC_incremental_protection_needs(void) { return 0; }
LOAM_EXPORT void GC_start_incremental_collection(void) {
  if (!loam::gc_c::ready()) return;
  const loam::sys::LockGuard guard(collector::heap.lock);
  if (!collector::cycle.going_on() && !collector::is_forbidden()) collector::cycle.begin();
}

LOAM_EXPORT void GC_add_roots(void* start, void* end) {
  loam::gc_c::ready();
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::roots.add(reinterpret_cast<uint64_t>(start), reinterpret_cast<uint64_t>(end));
}
LOAM_EXPORT void GC_remove_roots(void* start, void* end) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::roots.remove(reinterpret_cast<uint64_t>(start), reinterpret_cast<uint64_t>(end));
}
LOAM_EXPORT void GC_clear_roots(void) {
  loam::gc_c::ready();
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::roots.clear();
}
LOAM_EXPORT void GC_exclude_static_roots(void* start, void* end) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::roots.exclude(reinterpret_cast<uint64_t>(start), reinterpret_cast<uint64_t>(end));
}
LOAM_EXPORT void GC_clear_exclusion_table(void) { collector::roots.forget_exclusions(); }
LOAM_EXPORT int GC_is_tmp_root(void*) { return 0; }
LOAM_EXPORT void GC_register_displacement(size_t) {}
LOAM_EXPORT void* GC_dlopen(const char* path, int mode) { return dlopen(path, mode); }

// From within the function set here, while the world stands still.
LOAM_EXPORT void GC_set_push_other_roots(void (*push)(void)) { push_other_roots = push; }
LOAM_EXPORT void (*GC_get_push_other_roots(void))(void) { return push_other_roots; }
LOAM_EXPORT void GC_push_all(void* start, void* end) {
  if (marking != nullptr)
    marking->add_range(reinterpret_cast<uint64_t>(start), reinterpret_cast<uint64_t>(end));
}
LOAM_EXPORT void GC_push_all_eager(void* start, void* end) { GC_push_all(start, end); }
LOAM_EXPORT void GC_push_conditional(void* start, void* end, int) { GC_push_all(start, end); }

LOAM_EXPORT void GC_set_warn_proc(WarnProc proc) {
  loam::gc_c::ready();
  warn_proc = proc;
}
LOAM_EXPORT WarnProc GC_get_warn_proc(void) {
  loam::gc_c::ready();
  return warn_proc;
}
LOAM_EXPORT void GC_ignore_warn_proc(char*, uint64_t) {}
LOAM_EXPORT void GC_set_on_collection_event(Event event) { on_event = event; }
LOAM_EXPORT Event GC_get_on_collection_event(void) { return on_event; }
LOAM_EXPORT void GC_set_start_callback(void (*callback)(void)) { on_start = callback; }
LOAM_EXPORT void (*GC_get_start_callback(void))(void) { return on_start; }
LOAM_EXPORT void GC_set_stop_func(int (*stop)(void)) { stop_asked = stop; }
LOAM_EXPORT int (*GC_get_stop_func(void))(void) { return stop_asked; }
LOAM_EXPORT void GC_noop1(uint64_t) {}
LOAM_EXPORT void GC_dump(void) { collector::print_statistics(); }
