#include "lib/gc/collect.hpp"

#include "base/bits.hpp"
#include "lib/gc/allocate.hpp"
#include "lib/gc/cycle.hpp"
#include "lib/gc/ephemerons.hpp"
#include "lib/gc/finalize.hpp"
#include "lib/gc/generations.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc/helper.hpp"
#include "lib/gc/marker.hpp"
#include "lib/gc/roots.hpp"
#include "lib/gc/stop.hpp"
#include "lib/gc/sweep.hpp"
#include "lib/gc/toggles.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

constinit Marker marker;

namespace {

// Where there are collections of young objects they come sooner, and so does the one of everything that follows on them. Binary trees of
// depth 20 on one marker, processor time and resident: 2.4 s and 216 MiB with 1 and 1, 3.0 s and 140 MiB with 2 and 2, 3.4 s and
// 127 MiB with 4 and 2.
constexpr uint64_t kYoungGrowthPart = 2;
constexpr uint64_t kFullGrowthPart = 2;
// Where those of everything follow on each other. With a young one, which finds nothing there, before each the heap gets larger: 160 MiB where
// it is 143, and a tenth more processor time.
constexpr uint64_t kOnlyFullPercent = 90;
// A second thread is not worth waking for less.
constexpr uint64_t kWorthHelp = uint64_t{2} << 20;

// Of fewer, what else a collection does would count.
constexpr uint64_t kTellingObjects = 20'000;

// Of the time that marking took, so much may be spent on joining: each huge page takes 0.35 ms, and up to 5 where the host has to find its
// memory, and saves a quarter of marking what lies on it (docs/decisions/0007).
constexpr uint64_t kJoinPart = 2;

constinit CollectionObserver observer = nullptr;
constinit LeakObserver leak_observer = nullptr;
constinit MoreRoots more_roots = nullptr;

void report_leaks(uint32_t number) {
  const Block& block = space.block(number);
  const Marks* marks = space.marks(number);
  for (unsigned i = 0; i < Space::words(block); ++i) {
    for (uint64_t rest = marks[i].open; rest != 0; rest &= rest - 1) {
      const Slot slot{number, i * 64 + base::lowest_bit(rest)};
      leak_observer(space.start_of(slot), space.bytes_of(slot));
    }
  }
}

void mark_all(uint64_t caller_stack) {
  const uint64_t begin = sys::monotonic_ns();
  mark_roots(marker, caller_stack);
  toggles.mark(marker);
  mark_kept(marker);
  const bool helped = heap.figures.live_bytes + allocated_since_collection() >= kWorthHelp;
  const uint64_t by_helper = drain_with_help(marker, helped);
  settle_unreached(marker);
  heap.figures.marked_objects = marker.objects() + by_helper;
  heap.figures.mark_ns = sys::monotonic_ns() - begin;
  if (heap.figures.marked_objects >= kTellingObjects)
    heap.figures.object_ns = heap.figures.mark_ns / heap.figures.marked_objects;
}

void report_all_leaks() {
  for (uint32_t number = 0; number < space.block_count(); ++number) {
    if (has_objects(space.block(number))) report_leaks(number);
  }
}

// The caller's frame holds all registers, and lies above this one's.
__attribute__((noinline)) void collect_below(bool young, bool joins) {
  const auto caller_stack = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  roots.look_at_modules();
  const uint64_t begin = sys::monotonic_ns();
  stop_world();
  open_all(young);
  Buffered buffered = close_buffers();
  if (marker.prepare()) {
    if (young && !generations.mark_old(marker)) {
      marker.drain();
      young = false;
      open_all(young);
      buffered = close_buffers();
    }
    mark_all(caller_stack);
    if (leak_observer != nullptr && heap.settings.find_leaks) report_all_leaks();
    sweep.begin(young);
    sweep.finish();
    const uint64_t allocated = allocated_since_collection();
    begin_counting();
    count_swept(young, allocated, buffered);
    if (joins && !young) generations.join_quiet(heap.figures.mark_ns / kJoinPart, nullptr);
    generations.begin_watching(young, sweep.swept().dead_young_bytes, allocated);
  } else {
    heap.figures.allocated_before = heap.figures.allocated_bytes;
  }
  resume_world();
  count_pause(sys::monotonic_ns() - begin);
}

}  // namespace

void mark_kept(Marker& to) {
  for (uint32_t number = 0; number < space.block_count(); ++number) {
    const Block& block = space.block(number);
    if (!has_objects(block) || !is_kept(block.kind)) continue;
    const uint64_t* live = space.live(number);
    for (unsigned i = 0; i < Space::words(block); ++i) {
      for (uint64_t rest = sys::peek(live[i]); rest != 0; rest &= rest - 1)
        to.add_word(space.start_of({number, i * 64 + base::lowest_bit(rest)}));
    }
  }
}

void mark_roots(Marker& to, uint64_t caller_stack) {
  roots.mark(to, caller_stack);
  finalizers.mark_data(to);
  if (more_roots != nullptr) more_roots(to);
}

void settle_unreached(Marker& to) {
  ephemerons.mark(to);
  finalizers.after_marking(to);
  ephemerons.mark(to);
  ephemerons.clear();
  toggles.forget_dead();
}

void begin_counting() {
  heap.figures.allocated_before = heap.figures.allocated_bytes;
  heap.figures.freed_before = heap.figures.freed_bytes;
  heap.allocations = 0;
}

void count_swept(bool young, uint64_t allocated, const Buffered& buffered) {
  const Swept& swept = sweep.swept();
  Figures& figures = heap.figures;
  ++figures.collections;
  if (young) ++figures.young_collections;
  if (young) {
    figures.young_marked = figures.marked_objects;
    figures.young_allocated = allocated;
  }
  figures.reclaimed_bytes += swept.dead_bytes;
  figures.live_bytes = swept.live_bytes - buffered.bytes;
  figures.live_objects = swept.live_objects - buffered.objects;
  if (figures.live_bytes > figures.most_live_bytes) figures.most_live_bytes = figures.live_bytes;
}

void tell_observer(bool begins) {
  if (observer != nullptr) observer(begins);
}

bool is_forbidden() {
  return heap.settings.disabled != 0 || (heap.forbidden != nullptr && *heap.forbidden != 0);
}

uint64_t growth_to_collection() {
  uint64_t by_live = heap.figures.live_bytes / 100 * heap.settings.growth_percent;
  if (generations.watching()) {
    if (generations.only_full())
      by_live = by_live / 100 * kOnlyFullPercent;
    else
      by_live /= generations.wanted() ? kYoungGrowthPart : kFullGrowthPart;
  }
  return by_live > heap.settings.least_growth ? by_live : heap.settings.least_growth;
}

bool is_due() {
  if (is_forbidden()) return false;
  if (heap.settings.every != 0) return heap.allocations >= heap.settings.every;
  return allocated_since_collection() >= growth_to_collection();
}

namespace {

__attribute__((noinline)) void collect_from_here(Reason reason) {
  cycle.break_off();
  tell_observer(true);
  // What the caller keeps in registers is written into this frame.
  __builtin_unwind_init();
  // Where collections are marked while the program runs, those that grow too large for stopping the world join too (cycle.hpp).
  const bool joins = reason == Reason::kAsked || !heap.settings.concurrent;
  collect_below(reason == Reason::kGrowth && generations.wanted(), joins);
  tell_observer(false);
}

}  // namespace

__attribute__((noinline)) void clear_dead_stack() {
  constexpr size_t kFrames = 4096;  // more than a collection has, or a marker
  char dead[kFrames];
  __builtin_memset(dead, 0, sizeof dead);
  asm volatile("" : : "r"(dead) : "memory");
}

void collect(Reason reason) {
  clear_dead_stack();
  collect_from_here(reason);
}

void set_collection_observer(CollectionObserver to) { observer = to; }
void set_leak_observer(LeakObserver to) { leak_observer = to; }
void set_more_roots(MoreRoots to) { more_roots = to; }

}  // namespace loam::collector
