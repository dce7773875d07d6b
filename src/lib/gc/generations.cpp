#include "lib/gc/generations.hpp"

#include "base/bits.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc/outsiders.hpp"
#include "lib/gc/regions.hpp"
#include "lib/gc/sweep.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

constinit Generations generations;

namespace {

// Where the pages are asked for while the program runs: the kernel keeps it from mapping memory meanwhile, 0.4 ms.
constexpr uint32_t kMostBlocks = 512;
// So many collections of everything, then one of young objects is tried again.
constexpr unsigned kMostFull = 5;
constexpr uint64_t kJoinBytes = kMostBlocks * kBlockBytes;

bool holds_pointers(uint32_t number) {
  const Block& block = space.block(number);
  return has_objects(block) && !is_atomic(block.kind);
}
bool holds_old(uint32_t number) { return holds_pointers(number) && space.more(number).live != 0; }

// Calls part(start, end) for neighbouring blocks that `wanted` names, until it returns false.
template <class Wanted, class Part>
bool for_each_part(Wanted wanted, Part part) {
  const uint32_t count = space.block_count();
  for (uint32_t i = 0; i < count;) {
    uint32_t end = i;
    while (end < count && end - i < kMostBlocks && wanted(end))
      end += space.block(end).state == State::kLarge ? space.more(end).length : 1;
    if (end > i && !part(space.address(i), space.address(end))) return false;
    i = end > i ? end : i + 1;
  }
  return true;
}

// Which objects of 64 are read on written pages.
using Choose = uint64_t (*)(uint32_t number, uint64_t word);
uint64_t old_ones(uint32_t number, uint64_t word) { return space.old(number)[word]; }
// Those that wait are read anyway, and after the page was asked for.
uint64_t reached_ones(uint32_t number, uint64_t word) {
  const Marks& marks = space.marks(number)[word];
  return sys::peek(space.live(number)[word]) & ~marks.open & ~marks.waiting;
}

struct Reader {
  Marker* marker;
  Choose choose;
  Generations::Progress progress;
  uint64_t bytes;
  bool stopped;
};

void mark_small(const Reader& reader, uint32_t number, uint64_t from, uint64_t to) {
  const Block& block = space.block(number);
  const uint64_t first = from / block.bytes;
  uint64_t last = base::divide_up(to, uint64_t{block.bytes});
  if (last > block.slots) last = block.slots;
  for (uint64_t word = first / 64; word * 64 < last; ++word) {
    uint64_t bits = reader.choose(number, word);
    if (word == first / 64) bits &= ~uint64_t{0} << (first % 64);
    if (last - word * 64 < 64) bits &= base::low_bits(static_cast<unsigned>(last - word * 64));
    for (; bits != 0; bits &= bits - 1)
      reader.marker->read_content({number, static_cast<uint32_t>(word * 64) + base::lowest_bit(bits)});
  }
}

void mark_written(uint64_t start, uint64_t end, void* argument) {
  Reader& reader = *static_cast<Reader*>(argument);
  Marker& marker = *reader.marker;
  reader.bytes += end - start;
  if (reader.stopped) return;
  if (reader.progress != nullptr && !reader.progress(end - start)) reader.stopped = true;
  while (start < end) {
    auto number = static_cast<uint32_t>((start - space.base()) >> kBlockShift);
    const uint64_t block_end = space.address(number + 1);
    const uint64_t part_end = end < block_end ? end : block_end;
    if (state_of(space.block(number)) == State::kRest) number -= space.block(number).bytes;
    const Block& block = space.block(number);
    const uint64_t first = space.address(number);
    if (block.state == State::kSmall) {
      mark_small(reader, number, start - first, part_end - first);
    } else if ((reader.choose(number, 0) & 1) != 0) {
      const uint64_t object_end = first + base::align_down(space.more(number).large_bytes, sizeof(uint64_t));
      if (block.kind == Kind::kTyped)
        marker.read_content({number, 0});
      else if (start < object_end)
        marker.add_range(start, part_end < object_end ? part_end : object_end);
    }
    start = part_end;
  }
}

}  // namespace

void read_outsiders(Marker& marker) {
  outsiders.for_each([&](uint64_t object) {
    const Slot slot = space.find(object);
    if (space.is_live(slot) && !space.is_open(slot)) marker.read_content(slot);
  });
}

bool Generations::wanted() const {
  if (!watching_ || found_little_ || !heap.settings.generations || heap.settings.find_leaks) return false;
  return heap.figures.live_bytes <= live_at_full_ + live_at_full_ / 2 + heap.settings.generations_from;
}

bool Generations::mark_old(Marker& marker) {
  Reader reader{&marker, old_ones, nullptr, 0, false};
  const bool known =
      outsiders.complete() && written_.begin() && for_each_part(holds_old, [&](uint64_t start, uint64_t end) {
        return written_.visit(start, end, mark_written, &reader);
      });
  written_.finish();
  if (!known) {
    written_.close();
    refused_ = true;
    return false;
  }
  heap.figures.young_read = reader.bytes;
  read_outsiders(marker);
  return true;
}

bool Generations::able() {
  if (refused_ || !outsiders.complete()) return false;
  refused_ = !written_.open(space.base(), space.base() + space.window_bytes());
  return !refused_;
}

uint64_t Generations::read_written(Marker& marker, bool watch_again, Progress progress) {
  Reader reader{&marker, reached_ones, progress, 0, false};
  const bool known = written_.begin() && for_each_part(holds_pointers, [&](uint64_t start, uint64_t end) {
                       return watch_again ? written_.visit_and_watch(start, end, mark_written, &reader)
                                          : written_.visit(start, end, mark_written, &reader);
                     });
  written_.finish();
  marker.settle_all();
  return known && !reader.stopped ? reader.bytes : UINT64_MAX;
}

void Generations::join_quiet(uint64_t nanoseconds, Between between) {
  if (refused_ || !written_.begin()) return;
  struct Joining {
    sys::WrittenPages* pages;
    uint64_t until;
    Between between;
  } joining{&written_, sys::monotonic_ns() + nanoseconds, between};
  const auto join = [](uint64_t start, uint64_t end, void* argument) {
    const Joining& to = *static_cast<Joining*>(argument);
    for (start = base::align_up(start, kRegionBytes); start + kRegionBytes <= end; start += kRegionBytes) {
      if (sys::monotonic_ns() >= to.until || !to.pages->join(start)) return;
      sys::poke(heap.figures.joined_pages, heap.figures.joined_pages + 1);
      if (to.between != nullptr) to.between();
    }
  };
  for (uint64_t start = space.base(), end = start + space.used_bytes(); start < end; start += kJoinBytes)
    written_.visit_small(start, start + kJoinBytes < end ? start + kJoinBytes : end, join, &joining);
  written_.finish();
}

void Generations::will_be_written(uint32_t block) {
  written_.take_as_written(space.address(block), space.address(block + 1));
}

bool Generations::watch_old() {
  if (refused_ || !heap.settings.generations || !outsiders.complete()) return false;
  if (heap.figures.live_bytes < heap.settings.generations_from) return false;
  refused_ =
      !written_.open(space.base(), space.base() + space.window_bytes()) || !written_.begin() ||
      !for_each_part(holds_old, [&](uint64_t start, uint64_t end) { return written_.watch(start, end); });
  written_.finish();
  return !refused_;
}

void Generations::note(bool was_young, uint64_t dead_young_bytes, uint64_t allocated_bytes) {
  full_ones_ = was_young ? 0 : full_ones_ + 1;
  if (was_young)
    found_little_ = dead_young_bytes < allocated_bytes / 4;
  else if (dead_young_bytes >= allocated_bytes / 4 * 3 || full_ones_ >= kMostFull)
    found_little_ = false;
  if (!was_young) live_at_full_ = heap.figures.live_bytes;
  outsiders.forget_dead();
}

void Generations::begin_watching(bool was_young, uint64_t dead_young_bytes, uint64_t allocated_bytes) {
  note(was_young, dead_young_bytes, allocated_bytes);
  watching_ = watch_old();
}

void Generations::go_on_watching(bool was_young, uint64_t dead_young_bytes, uint64_t allocated_bytes) {
  note(was_young, dead_young_bytes, allocated_bytes);
  watching_ = heap.settings.generations && !refused_ && outsiders.complete();
}

void Generations::after_fork() {
  written_.finish();
  written_.close();
  watching_ = false;
}

}  // namespace loam::collector
