#include "lib/gc/generations.hpp"

#include "base/bits.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc/outsiders.hpp"

namespace loam::collector {

constinit Generations generations;

namespace {

bool holds_old(uint32_t number) {
  const Block& block = space.block(number);
  const bool objects = block.state == State::kSmall || block.state == State::kLarge;
  return objects && !is_atomic(block.kind) && space.more(number).live != 0;
}

// Calls part(start, end) for neighbouring blocks with old objects that have pointers, until it returns false.
template <class Part>
bool for_each_part(Part part) {
  const uint32_t count = space.block_count();
  for (uint32_t i = 0; i < count;) {
    uint32_t end = i;
    while (end < count && holds_old(end))
      end += space.block(end).state == State::kLarge ? space.more(end).length : 1;
    if (end > i && !part(space.address(i), space.address(end))) return false;
    i = end > i ? end : i + 1;
  }
  return true;
}

void mark_small(Marker& marker, uint32_t number, uint64_t from, uint64_t to) {
  const Block& block = space.block(number);
  const uint64_t* old = space.old(number);
  const uint64_t first = from / block.bytes;
  uint64_t last = base::divide_up(to, uint64_t{block.bytes});
  if (last > block.slots) last = block.slots;
  for (uint64_t word = first / 64; word * 64 < last; ++word) {
    uint64_t bits = old[word];
    if (word == first / 64) bits &= ~uint64_t{0} << (first % 64);
    if (last - word * 64 < 64) bits &= base::low_bits(static_cast<unsigned>(last - word * 64));
    for (; bits != 0; bits &= bits - 1)
      marker.read_content({number, static_cast<uint32_t>(word * 64) + base::lowest_bit(bits)});
  }
}

void mark_written(uint64_t start, uint64_t end, void* argument) {
  Marker& marker = *static_cast<Marker*>(argument);
  while (start < end) {
    auto number = static_cast<uint32_t>((start - space.base()) >> kBlockShift);
    const uint64_t block_end = space.address(number + 1);
    const uint64_t part_end = end < block_end ? end : block_end;
    if (space.block(number).state == State::kRest) number -= space.block(number).bytes;
    const Block& block = space.block(number);
    const uint64_t first = space.address(number);
    if (block.state == State::kSmall) {
      mark_small(marker, number, start - first, part_end - first);
    } else if ((space.old(number)[0] & 1) != 0) {
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

bool Generations::wanted() const {
  if (!watching_ || found_little_ || !heap.settings.generations || heap.settings.find_leaks) return false;
  return heap.figures.live_bytes <= live_at_full_ + live_at_full_ / 2 + heap.settings.generations_from;
}

bool Generations::mark_old(Marker& marker) {
  const bool known =
      outsiders.complete() && written_.begin() && for_each_part([&](uint64_t start, uint64_t end) {
        return written_.visit(start, end, mark_written, &marker);
      });
  written_.finish();
  if (!known) {
    written_.close();
    refused_ = true;
    return false;
  }
  outsiders.for_each([&](uint64_t object) {
    const Slot slot = space.find(object);
    if (space.is_live(slot) && !space.is_open(slot)) marker.read_content(slot);
  });
  return true;
}

bool Generations::watch_old() {
  if (refused_ || !heap.settings.generations || !outsiders.complete()) return false;
  if (heap.figures.live_bytes < heap.settings.generations_from) return false;
  refused_ = !written_.open(space.base(), space.base() + space.window_bytes()) || !written_.begin() ||
             !for_each_part([&](uint64_t start, uint64_t end) { return written_.watch(start, end); });
  written_.finish();
  return !refused_;
}

void Generations::begin_watching(bool was_young, uint64_t dead_bytes, uint64_t allocated_bytes) {
  found_little_ = was_young && dead_bytes < allocated_bytes / 4;
  if (!was_young) live_at_full_ = heap.figures.live_bytes;
  outsiders.forget_dead();
  watching_ = watch_old();
}

void Generations::after_fork() {
  written_.close();
  watching_ = false;
}

}  // namespace loam::collector
