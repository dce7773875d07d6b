#include "lib/gc/sweep.hpp"

#include "base/bits.hpp"
#include "lib/gc/allocate.hpp"
#include "lib/gc/regions.hpp"

namespace loam::collector {

constinit Sweep sweep;

namespace {

// Room that is this scattered is left until more of the block is free: filling it would cost more than it gives.
constexpr unsigned kLeastFree = 16;  // of so many objects one

// May have.
bool has_young(uint32_t number) {
  const BlockMore& more = space.more(number);
  return sys::peek(more.owned) || sys::peek(more.touched) || state_of(space.block(number)) == State::kLarge;
}

unsigned count_live(uint32_t number, unsigned words) {
  const uint64_t* live = space.live(number);
  unsigned count = 0;
  for (unsigned i = 0; i < words; ++i) count += base::count_bits(live[i]);
  return count;
}

}  // namespace

void open_blocks(uint32_t first, uint32_t end, bool young) {
  for (uint32_t i = first; i < end; ++i) {
    const Block& block = space.block(i);
    if (!has_objects(block) || (young && !has_young(i))) continue;
    const uint64_t* live = space.live(i);
    const uint64_t* old = space.old(i);
    Marks* marks = space.marks(i);
    for (unsigned word = 0; word < Space::words(block); ++word) {
      const uint64_t now = sys::peek(live[word]);
      marks[word].open = young ? now & ~sys::peek(old[word]) : now;
    }
  }
}

void close_all() {
  regions.clear();
  for (uint32_t i = 0; i < space.block_count(); ++i) {
    if (!has_objects(space.block(i))) continue;
    Marks* marks = space.marks(i);
    for (unsigned word = 0; word < kBitWords; ++word) marks[word] = {};
  }
}

// Returns how many objects of the block are live.
unsigned Sweep::sweep_bits(uint32_t number) {
  Block& block = space.block(number);
  uint64_t* live = space.live(number);
  uint64_t* old = space.old(number);
  Marks* marks = space.marks(number);
  const unsigned words = Space::words(block);
  unsigned dead = 0;
  unsigned dead_young = 0;
  for (unsigned i = 0; i < words; ++i) {
    const uint64_t open = marks[i].open;
    if (open != 0) {
      // The program may have freed some since they were taken for open.
      dead += base::count_bits(open & live[i]);
      dead_young += base::count_bits(open & live[i] & ~old[i]);
      live[i] &= ~open;
      marks[i].open = 0;
    }
    old[i] = live[i];
  }
  block.pristine = false;
  block.freed = 0;
  swept_.dead_bytes += uint64_t{dead} * block.bytes;
  swept_.dead_young_bytes += uint64_t{dead_young} * block.bytes;
  return count_live(number, words);
}

void Sweep::sweep_small(uint32_t number) {
  const Block& block = space.block(number);
  BlockMore& more = space.more(number);
  const unsigned left = young_ && !has_young(number) ? more.live : sweep_bits(number);
  more.live = static_cast<uint16_t>(left);
  more.touched = more.owned;
  if (!is_listed(number)) more.listed = 0;  // or a later list's number would be taken for its own
  swept_.live_bytes += uint64_t{left} * block.bytes;
  swept_.live_objects += left;
  if (more.owned || is_listed(number)) return;
  if (left == 0)
    space.release(number);
  else if ((block.slots - left) * kLeastFree >= block.slots)
    list_block(number);
}

void Sweep::sweep_block(uint32_t number) {
  if (space.block(number).state == State::kSmall) return sweep_small(number);
  BlockMore& more = space.more(number);
  const bool freed = space.live(number)[0] == 0;  // by the program, while marking went on
  if (space.marks(number)[0].open != 0 || freed) {
    if (!freed) swept_.dead_bytes += more.large_bytes;
    if (!freed && space.old(number)[0] == 0) swept_.dead_young_bytes += more.large_bytes;
    space.release(number);
    return;
  }
  swept_.live_bytes += more.large_bytes;
  ++swept_.live_objects;
  space.old(number)[0] = 1;
  more.live = 1;
}

void Sweep::begin(bool young) {
  at_ = 0;
  young_ = young;
  going_on_ = true;
  swept_ = {};
  forget_lists();
}

// Blocks with no live object are free afterwards, those with room are on the lists, lowest address first.
bool Sweep::step(uint32_t blocks) {
  const uint32_t count = space.block_count();
  for (; going_on_ && at_ < count && blocks > 0; ++at_, --blocks) {
    if (has_objects(space.block(at_))) sweep_block(at_);
  }
  if (at_ >= count) going_on_ = false;
  return !going_on_;
}

}  // namespace loam::collector
