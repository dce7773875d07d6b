// Where pointers lead: what is in the buckets of a marker is looked up, and what is reached for the first time waits to be read.
#include "lib/gc/marker.hpp"

#include "base/bits.hpp"
#include "sys/cpu.hpp"

namespace loam::collector {

namespace {

constexpr uint64_t kLine = 64;
// From so many pointers in a bucket on, all bits of its region are looked through.
constexpr uint32_t kMany = 256;

// Takes the object if it is open still. Whether it is, is as good as random where each is pointed to more than once: no branch.
// Returns 1 if it was, and in `blocks` which block of its region has more to be read. Requires: the lock of its region.
inline uint64_t settle_one(Marks* of_block, uint64_t& words, const Block& block, uint32_t number,
                           uint64_t index, uint32_t& blocks) {
  Marks& marks = of_block[index / 64];
  const unsigned at = index % 64;
  const uint64_t open = sys::peek(marks.open);
  const uint64_t was = (open >> at) & 1;
  const uint64_t leads = was & uint64_t{!is_atomic(block.kind)};
  sys::poke(marks.open, open & ~(uint64_t{1} << at));
  marks.waiting |= leads << at;
  words |= leads << (index / 64);
  blocks |= static_cast<uint32_t>(leads) << (number % kRegionBlocks);
  return was;
}

}  // namespace

// The large object that starts there.
void Marker::settle_large(uint32_t number) {
  objects_ += settle_one(marks_ + uint64_t{number} * kBitWords, regions.words(number), space.block(number),
                         number, 0, regions.region(Regions::of_block(number)).blocks);
}

// A pointer into a large object, whose first block may lie in a lower region.
void Marker::settle_rest(uint32_t region, uint32_t number) {
  number -= space.block(number).bytes;
  const uint32_t lower = Regions::of_block(number);
  if (lower == region) return settle_large(number);
  if ((sys::peek(marks_[uint64_t{number} * kBitWords].open) & 1) == 0) return;
  lock(lower);
  settle_large(number);
  unlock(lower);
  buckets_.want(lower);
}

void Marker::settle_unusual(uint32_t region, uint32_t number) {
  const State state = state_of(space.block(number));
  if (state == State::kRest)
    settle_rest(region, number);
  else if (state == State::kLarge)
    settle_large(number);
}

template <class Visit>
void Marker::empty_buckets(uint32_t region, bool begun, Visit visit) {
  if (other_ != nullptr) other_->buckets_.take_from(region, visit);
  buckets_.empty_one(region, begun, visit);
}

// Many pointers at once: first where they lead, in a small table, then all bits of the region in order. With each bit changed by itself a
// processor waits: bits of different blocks lie whole pages apart, which it takes for the same address until it knows better.
// Which blocks are small is looked up once: a thread of the program may take one meanwhile, whose objects count as reached, and have no place
// in the table.
void Marker::settle_many(uint32_t region, bool begun) {
  const uint32_t first = region * kRegionBlocks;
  const Block* blocks = &space.block(first);
  uint64_t* reached = tables_->reached;
  uint32_t begins[kRegionBlocks];
  uint32_t words = 0;
  uint32_t small = 0;
  for (uint32_t i = 0; i < kRegionBlocks; ++i) {
    begins[i] = words * 64;
    if (state_of(blocks[i]) != State::kSmall) continue;
    small |= uint32_t{1} << i;
    words += Space::words(blocks[i]);
    // On their way from RAM until they are wanted.
    const Marks* marks = marks_ + uint64_t{first + i} * kBitWords;
    for (uint32_t word = 0; word < Space::words(blocks[i]); word += kLine / sizeof(Marks))
      __builtin_prefetch(marks + word, 1);
  }
  empty_buckets(region, begun, [&](uint64_t offset) {
    const auto at = static_cast<uint32_t>(offset >> kBlockShift);
    const Block& block = blocks[at];
    if ((small >> at & 1) == 0) [[unlikely]]
      return settle_unusual(region, first + at);
    const auto index = static_cast<uint32_t>((offset & (kBlockBytes - 1)) * block.inverse >> 32);
    const uint32_t number = begins[at] + index;
    reached[number / 64] |= uint64_t{1} << (number % 64);
  });
  uint32_t found = 0;
  for (uint32_t rest = small; rest != 0; rest &= rest - 1) {
    const unsigned i = base::lowest_bit(rest);
    found |= uint32_t{take_reached(first + i, reached + begins[i] / 64)} << i;
  }
  regions.region(region).blocks |= found;
}

// Takes the objects that were reached out of the open ones of the block. Returns whether more of it has to be read. Nothing is reached
// afterwards.
bool Marker::take_reached(uint32_t number, uint64_t* reached) {
  const Block& block = space.block(number);
  Marks* marks = marks_ + uint64_t{number} * kBitWords;
  const uint64_t leads = is_atomic(block.kind) ? 0 : ~uint64_t{0};
  const unsigned count = Space::words(block);
  uint64_t words = 0;
  uint64_t objects = 0;
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t open = sys::peek(marks[i].open);
    const uint64_t taken = open & reached[i];
    reached[i] = 0;
    sys::poke(marks[i].open, open & ~taken);
    marks[i].waiting |= taken & leads;
    words |= uint64_t{(taken & leads) != 0} << i;
    objects += base::count_bits(taken);
  }
  objects_ += objects;
  regions.words(number) |= words;
  return words != 0;
}

// Follows the pointers in the region's bucket, and in that of the other marker: the more is found in a region by the time it is read, the less
// it costs, and each visit of a region would otherwise read half. Requires: its lock.
void Marker::settle(uint32_t region, bool begun) {
  const uint32_t filled = buckets_.filled(region) + (other_ != nullptr ? other_->buckets_.filled(region) : 0);
  if (filled > kMany) return settle_many(region, begun);
  const uint32_t first = region * kRegionBlocks;
  const Block* blocks = &space.block(first);
  Marks* marks = marks_ + uint64_t{first} * kBitWords;
  uint64_t* words = &regions.words(first);
  uint64_t objects = 0;
  uint32_t found = 0;
  empty_buckets(region, begun, [&](uint64_t offset) {
    const auto at = static_cast<uint32_t>(offset >> kBlockShift);
    const Block& block = blocks[at];
    if (state_of(block) == State::kSmall) [[likely]]
      objects += settle_one(marks + uint64_t{at} * kBitWords, words[at], block, at,
                            (offset & (kBlockBytes - 1)) * block.inverse >> 32, found);
    else
      settle_unusual(region, first + at);
  });
  objects_ += objects;
  regions.region(region).blocks |= found;
}

// What was found goes into the queue without waiting anywhere. Pointers to large objects go into buckets.
void Marker::queue_found() {
  const uint32_t count = found_;
  found_ = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t offset = tables_->found[i];
    const auto number = static_cast<uint32_t>(offset >> kBlockShift);
    const Block& block = space.block(number);
    if (state_of(block) != State::kSmall) {
      follow(base_ + offset);
      continue;
    }
    const auto index = static_cast<uint32_t>((offset & (kBlockBytes - 1)) * block.inverse >> 32);
    const uint64_t bit = uint64_t{1} << (index % 64);
    Marks& marks = marks_[uint64_t{number} * kBitWords + index / 64];
    const uint32_t region = Regions::of_block(number);
    lock(region);
    const uint64_t open = sys::peek(marks.open);
    sys::poke(marks.open, open & ~bit);
    unlock(region);
    if ((open & bit) == 0) continue;
    ++objects_;
    if (is_atomic(block.kind)) continue;
    const uint64_t start = space.address(number) + uint64_t{index} * block.bytes;
    tables_->queue[queued_++] = {start, block.kind == Kind::kTyped ? start : start + block.bytes};
  }
}

void Marker::settle_full(uint32_t region) {
  lock(region);
  settle(region, true);
  unlock(region);
}

// Puts what was found into the buckets.
void Marker::follow_found() {
  const uint32_t count = found_;
  found_ = 0;
  buckets_.add_all(tables_->found, count, [this](uint32_t region) { settle_full(region); });
}

// Requires: no other marker runs, so no locks.
void Marker::settle_all() {
  follow_found();
  buckets_.for_each([&](uint32_t region) {
    if (buckets_.filled(region) != 0) settle(region, true);
  });
}

}  // namespace loam::collector
