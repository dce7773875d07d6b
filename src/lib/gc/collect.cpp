#include "lib/gc/collect.hpp"

#include "base/bits.hpp"
#include "lib/gc/allocate.hpp"
#include "lib/gc/ephemerons.hpp"
#include "lib/gc/finalize.hpp"
#include "lib/gc/generations.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc/helper.hpp"
#include "lib/gc/marker.hpp"
#include "lib/gc/roots.hpp"
#include "lib/gc/stop.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

namespace {

// Room that is this scattered is left until more of the block is free: filling it would cost more than it gives.
constexpr unsigned kLeastFree = 16;  // of so many objects one
// Where there are collections of young objects they come sooner, and so does the one of everything that follows on them. Binary trees of
// depth 20 on one marker, processor time and resident: 2.4 s and 216 MiB with 1 and 1, 3.0 s and 140 MiB with 2 and 2, 3.4 s and
// 127 MiB with 4 and 2.
constexpr uint64_t kYoungGrowthPart = 2;
constexpr uint64_t kFullGrowthPart = 2;
// A second thread is not worth waking for less.
constexpr uint64_t kWorthHelp = uint64_t{2} << 20;

constinit Marker marker;
constinit CollectionObserver observer = nullptr;
constinit LeakObserver leak_observer = nullptr;
constinit MoreRoots more_roots = nullptr;

bool has_objects(const Block& block) { return block.state == State::kSmall || block.state == State::kLarge; }

// May have.
bool has_young(uint32_t number) {
  const BlockMore& more = space.more(number);
  return more.owned || more.touched || space.block(number).state == State::kLarge;
}

unsigned count_live(uint32_t number, unsigned words) {
  const uint64_t* live = space.live(number);
  unsigned count = 0;
  for (unsigned i = 0; i < words; ++i) count += base::count_bits(live[i]);
  return count;
}

// Whatever is live; of a young collection only what is not old.
void open_all(bool young) {
  for (uint32_t i = 0; i < space.block_count(); ++i) {
    const Block& block = space.block(i);
    if (!has_objects(block) || (young && !has_young(i))) continue;
    const uint64_t* live = space.live(i);
    const uint64_t* old = space.old(i);
    Marks* marks = space.marks(i);
    for (unsigned word = 0; word < Space::words(block); ++word)
      marks[word].open = young ? live[word] & ~old[word] : live[word];
  }
}

// What is never collected.
void mark_kept() {
  for (uint32_t number = 0; number < space.block_count(); ++number) {
    const Block& block = space.block(number);
    if (!has_objects(block) || !is_kept(block.kind)) continue;
    const uint64_t* live = space.live(number);
    for (unsigned i = 0; i < Space::words(block); ++i) {
      for (uint64_t rest = live[i]; rest != 0; rest &= rest - 1)
        marker.add_word(space.start_of({number, i * 64 + base::lowest_bit(rest)}));
    }
  }
}

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

struct Swept {
  uint64_t dead_bytes;
  uint64_t live_bytes;
  uint64_t live_objects;
};

// Returns how many objects of the block are live.
unsigned sweep_bits(uint32_t number, Swept& swept) {
  Block& block = space.block(number);
  uint64_t* live = space.live(number);
  uint64_t* old = space.old(number);
  Marks* marks = space.marks(number);
  const unsigned words = Space::words(block);
  unsigned dead = 0;
  for (unsigned i = 0; i < words; ++i) {
    const uint64_t open = marks[i].open;
    if (open != 0) {
      dead += base::count_bits(open);
      live[i] &= ~open;
      marks[i].open = 0;
    }
    old[i] = live[i];
  }
  block.pristine = false;
  block.freed = 0;
  swept.dead_bytes += uint64_t{dead} * block.bytes;
  return count_live(number, words);
}

void sweep_small(uint32_t number, bool young, Swept& swept) {
  const Block& block = space.block(number);
  BlockMore& more = space.more(number);
  const unsigned left = young && !has_young(number) ? more.live : sweep_bits(number, swept);
  more.live = static_cast<uint16_t>(left);
  more.listed = false;
  more.touched = more.owned;
  swept.live_bytes += uint64_t{left} * block.bytes;
  swept.live_objects += left;
  if (more.owned) return;
  if (left == 0)
    space.release(number);
  else if ((block.slots - left) * kLeastFree >= block.slots)
    list_block(number);
}

// Blocks with no live object are free afterwards, those with room are on the lists, lowest address first.
Swept sweep_all(bool young) {
  Swept swept{};
  forget_lists();
  for (uint32_t number = 0; number < space.block_count(); ++number) {
    const Block& block = space.block(number);
    if (!has_objects(block)) continue;
    if (leak_observer != nullptr && heap.settings.find_leaks) report_leaks(number);
    if (block.state == State::kSmall) {
      sweep_small(number, young, swept);
    } else if (space.marks(number)[0].open != 0) {
      swept.dead_bytes += space.more(number).large_bytes;
      space.release(number);
    } else {
      swept.live_bytes += space.more(number).large_bytes;
      ++swept.live_objects;
      space.old(number)[0] = 1;
      space.more(number).live = 1;
    }
  }
  return swept;
}

void mark_all(uint64_t caller_stack) {
  const uint64_t begin = sys::monotonic_ns();
  roots.mark(marker, caller_stack);
  finalizers.mark_data(marker);
  mark_kept();
  if (more_roots != nullptr) more_roots(marker);
  const bool helped = heap.figures.live_bytes + allocated_since_collection() >= kWorthHelp;
  const uint64_t by_helper = drain_with_help(marker, helped);
  ephemerons.mark(marker);
  finalizers.after_marking(marker);
  ephemerons.mark(marker);
  ephemerons.clear();
  heap.figures.marked_objects = marker.objects() + by_helper;
  heap.figures.mark_ns = sys::monotonic_ns() - begin;
}

void count(Swept swept, const Buffered& buffered) {
  swept.live_objects -= buffered.objects;
  swept.live_bytes -= buffered.bytes;
  Figures& figures = heap.figures;
  ++figures.collections;
  figures.reclaimed_bytes += swept.dead_bytes;
  figures.live_bytes = swept.live_bytes;
  figures.live_objects = swept.live_objects;
  if (swept.live_bytes > figures.most_live_bytes) figures.most_live_bytes = swept.live_bytes;
  figures.allocated_before = figures.allocated_bytes;
  figures.freed_before = figures.freed_bytes;
  heap.allocations = 0;
}

// The caller's frame holds all registers, and lies above this one's.
__attribute__((noinline)) void collect_below(bool young) {
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
    const Swept swept = sweep_all(young);
    const uint64_t allocated = allocated_since_collection();
    count(swept, buffered);
    if (young) ++heap.figures.young_collections;
    generations.begin_watching(young, swept.dead_bytes, allocated);
  } else {
    heap.figures.allocated_before = heap.figures.allocated_bytes;
  }
  resume_world();
  count_pause(sys::monotonic_ns() - begin);
}

}  // namespace

bool is_forbidden() {
  return heap.settings.disabled != 0 || (heap.forbidden != nullptr && *heap.forbidden != 0);
}

uint64_t growth_to_collection() {
  uint64_t by_live = heap.figures.live_bytes / 100 * heap.settings.growth_percent;
  if (generations.watching()) by_live /= generations.wanted() ? kYoungGrowthPart : kFullGrowthPart;
  return by_live > heap.settings.least_growth ? by_live : heap.settings.least_growth;
}

bool is_due() {
  if (is_forbidden()) return false;
  if (heap.settings.every != 0) return heap.allocations >= heap.settings.every;
  return allocated_since_collection() >= growth_to_collection();
}

void collect(Reason reason) {
  if (observer != nullptr) observer(true);
  // What the caller keeps in registers is written into this frame.
  __builtin_unwind_init();
  collect_below(reason == Reason::kGrowth && generations.wanted());
  if (observer != nullptr) observer(false);
}

void set_collection_observer(CollectionObserver to) { observer = to; }
void set_leak_observer(LeakObserver to) { leak_observer = to; }
void set_more_roots(MoreRoots to) { more_roots = to; }

}  // namespace loam::collector
