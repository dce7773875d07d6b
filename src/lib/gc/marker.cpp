#include "lib/gc/marker.hpp"

#include "base/bits.hpp"
#include "lib/gc/outsiders.hpp"
#include "sys/kernel.hpp"
#include "sys/sanitizer.hpp"

namespace loam::collector {

namespace {

// As measured for the leak search: the processor sees by itself that the lines behind are wanted next.
constexpr uint64_t kFetchBytes = 320;
constexpr uint64_t kLine = 64;
// Of a large object at a time, so that others may have the rest.
constexpr uint64_t kPiece = uint64_t{128} << 10;
// So many regions are put off at a time: looking at more would take as long as a turn.
constexpr uint32_t kPutOff = 256;

LOAM_UNWATCHED inline uint64_t load(uint64_t address) {
  return *reinterpret_cast<const volatile uint64_t*>(address);
}

}  // namespace

bool Marker::prepare() {
  base_ = space.base();
  extent_ = space.used_bytes();
  marks_ = space.marks(0);
  objects_ = 0;
  // What is left of one that was broken off.
  taken_count_ = taken_at_ = queued_ = found_ = 0;
  rest_start_ = rest_end_ = 0;
  shared_ = beside_ = false;
  other_ = nullptr;
  if (tables_ == nullptr) tables_ = static_cast<Tables*>(sys::map_unreserved(sizeof(Tables)));
  return tables_ != nullptr && regions.open() && buckets_.prepare();
}

// Requires: the region's lock.
void Marker::take_waiting(uint32_t number) {
  Region& region = regions.region(number);
  taken_at_ = taken_count_ = 0;
  for (uint32_t blocks = region.blocks; blocks != 0; blocks &= blocks - 1) {
    const uint32_t block = number * kRegionBlocks + base::lowest_bit(blocks);
    uint64_t& words = regions.words(block);
    for (uint64_t rest = words; rest != 0; rest &= rest - 1) {
      const uint32_t word = block * kBitWords + base::lowest_bit(rest);
      tables_->taken[taken_count_++] = {marks_[word].waiting, word};
      marks_[word].waiting = 0;
    }
    words = 0;
  }
  region.blocks = 0;
}

// Whether a word is a pointer is as good as random: no branch. Two at a time, and counted by an index, which the compiler adds the comparison to: the fewer
// instructions an object takes, the more of the next ones the processor has begun with. Requires: room for all.
LOAM_UNWATCHED inline void Marker::sift(uint64_t start, uint64_t end) {
  const uint64_t base = base_;
  const uint64_t extent = extent_;
  uint64_t* const found = tables_->found;
  uint64_t count = found_;
  for (; start + sizeof(uint64_t) < end; start += 2 * sizeof(uint64_t)) {
    const uint64_t one = load(start) - base;
    found[count] = one;
    count += one < extent;
    const uint64_t other = load(start + sizeof(uint64_t)) - base;
    found[count] = other;
    count += other < extent;
  }
  if (start < end) {
    const uint64_t last = load(start) - base;
    found[count] = last;
    count += last < extent;
  }
  found_ = static_cast<uint32_t>(count);
}

void Marker::read_many(uint64_t start, uint64_t end) {
  while (start < end) {
    if (found_ == kFound) follow_found();
    const uint64_t room = (kFound - found_) * sizeof(uint64_t);
    const uint64_t part_end = end - start <= room ? end : start + room;
    sift(start, part_end);
    start = part_end;
  }
}

inline void Marker::read_words(uint64_t start, uint64_t end) {
  if (end - start > (kFound - found_) * sizeof(uint64_t)) [[unlikely]]
    return read_many(start, end);
  sift(start, end);
}

void Marker::add_range(uint64_t start, uint64_t end) {
  if (start - base_ >= extent_) outside_ = true;
  read_words(base::align_up(start, sizeof(uint64_t)), base::align_down(end, sizeof(uint64_t)));
}

void Marker::read_content(Slot slot) {
  const Block& block = space.block(slot.block);
  if (is_atomic(block.kind)) return;
  const uint64_t address = space.start_of(slot);
  if (block.state == State::kLarge)
    read_words(address, address + base::align_down(space.bytes_of(slot), sizeof(uint64_t)));
  else if (block.kind == Kind::kTyped)
    read_unusual(address);
  else
    read_words(address, address + block.bytes);
}

// Typed and large objects; of those the first piece.
void Marker::read_unusual(uint64_t address) {
  const Slot slot = space.find(address);
  const Block& block = space.block(slot.block);
  const uint64_t end = address + base::align_down(space.bytes_of(slot), sizeof(uint64_t));
  if (block.kind == Kind::kTyped) {
    void* object = reinterpret_cast<void*>(address);
    const auto* type = *static_cast<const Type* const*>(object);
    // Null while the object is being made: what its constructor has stored so far lies nowhere else perhaps.
    if (type == nullptr) return read_words(address, end);
    outside_ = type->owns != 0;
    // What it owns may be changing or going just now.
    if (beside_ && outside_)
      read_words(address, end);
    else
      type->trace(object, *this);
    if (outside_) outsiders.add(address);
    return;
  }
  if (end - address <= kPiece || rest_start_ < rest_end_) return read_words(address, end);
  rest_start_ = address + kPiece;
  rest_end_ = end;
  read_words(address, address + kPiece);
}

inline void Marker::read(const Entry& entry) {
  if (entry.start == entry.end) [[unlikely]]
    return read_unusual(entry.start);
  read_words(entry.start, entry.end);
}

// Half of what waits: of a large object, else of the regions.
void Marker::share(Pool& pool) {
  follow_found();
  if (rest_end_ - rest_start_ > 2 * kPiece) {
    const uint64_t middle = base::align_down((rest_start_ + rest_end_) / 2, sizeof(uint64_t));
    const Work half{middle, rest_end_};
    if (pool.give(&half, 1) != 0) rest_end_ = middle;
    return;
  }
  for (uint32_t left = buckets_.count() / 2; left > 0; --left) {
    const uint32_t region = buckets_.take();
    lock(region);
    settle(region, false);
    unlock(region);
    const Work work{0, region};
    if (pool.give(&work, 1) == 0) return buckets_.want(region);
  }
}

void Marker::accept(const Work& work) {
  if (work.start == 0) {
    buckets_.want(static_cast<uint32_t>(work.what));
  } else if (rest_start_ == rest_end_) {
    rest_start_ = work.start;
    rest_end_ = work.what;
  } else {
    read_words(work.start, work.what);
  }
}

// An object that is smaller than a line may lie on two. In place: a compiler takes calls of a function that only fetches for calls of one
// that does nothing.
__attribute__((always_inline)) inline void Marker::prefetch(const Entry& entry) {
  const uint64_t end = entry.end - entry.start > kFetchBytes ? entry.start + kFetchBytes : entry.end;
  __builtin_prefetch(reinterpret_cast<const void*>(entry.start));
  __builtin_prefetch(reinterpret_cast<const void*>(end - 1));
  for (uint64_t at = entry.start + kLine; at + kLine < end; at += kLine) [[unlikely]]
    __builtin_prefetch(reinterpret_cast<const void*>(at));
}

// Two markers take turns in all regions. Where both come to one soon after each other, each finds half as much there, and reading what lies apart
// costs more: a region that had its turn a short while ago is put off.
uint32_t Marker::next_region() {
  if (shared_) {
    const uint32_t now = regions.next_turn();
    const uint32_t count = buckets_.count();
    const uint32_t soon = count - count / 4;
    for (uint32_t left = count < kPutOff ? count : kPutOff; left > 0; --left) {
      if (now - regions.region(buckets_.next()).turn.load(std::memory_order_relaxed) >= soon) break;
      buckets_.put_off();
    }
    regions.region(buckets_.next()).turn.store(now, std::memory_order_relaxed);
  }
  return buckets_.take();
}

// Takes what waits in the region whose turn it is. Returns false if there is none.
bool Marker::take_region() {
  if (buckets_.empty()) return false;
  const uint32_t region = next_region();
  lock(region);
  settle(region, false);
  take_waiting(region);
  unlock(region);
  return true;
}

inline void Marker::queue_word(const Taken& taken) {
  const uint32_t number = taken.word / kBitWords;
  const Block& block = space.block(number);
  const uint64_t step = block.bytes;
  const uint64_t start = space.address(number) + uint64_t{taken.word % kBitWords} * 64 * step;
  const bool usual = block.state == State::kSmall && block.kind != Kind::kTyped;
  uint64_t bits = taken.bits;
  Entry* queue = tables_->queue + queued_;
  const unsigned low = base::lowest_bit(bits);
  const uint64_t run = bits >> low;
  if (usual && (run & (run + 1)) == 0) {
    // Neighbours are read as one.
    *queue++ = {start + low * step, start + (low + base::count_bits(run)) * step};
  } else {
    const uint64_t read_bytes = usual ? step : 0;
    for (; bits != 0; bits &= bits - 1) {
      const uint64_t at = start + base::lowest_bit(bits) * step;
      *queue++ = {at, at + read_bytes};
    }
  }
  queued_ = static_cast<uint32_t>(queue - tables_->queue);
}

// Another region gets its turn only when nothing else is there to be fetched: until then more of its objects are found.
void Marker::fill_queue() {
  // Where few pointers are all there is, as in a list, the way through bucket and bits would take most of the time.
  if (queued_ == 0 && found_ != 0 && found_ <= kFew && taken_at_ == taken_count_ && buckets_.empty())
    queue_found();
  const uint32_t fetched = queued_;
  while (queued_ < kAtOnce + kFetched) {
    if (taken_at_ == taken_count_) {
      if (queued_ > kFetched || !take_region()) break;
      continue;
    }
    queue_word(tables_->taken[taken_at_++]);
  }
  for (uint32_t i = fetched; i < queued_ && i < kFetched; ++i) prefetch(tables_->queue[i]);
}

void Marker::read_queue() {
  Entry* queue = tables_->queue;
  const uint32_t count = queued_;
  // What is last in the queue is read the next time, when it has come.
  const uint32_t left = count > kFetched ? kFetched : 0;
  for (uint32_t i = 0; i < count - left; ++i) {
    if (i + kFetched < count) prefetch(queue[i + kFetched]);
    read(queue[i]);
  }
  for (uint32_t i = 0; i < left; ++i) queue[i] = queue[count - left + i];
  queued_ = left;
}

bool Marker::run(Pool* pool, GoOn go_on) {
  for (;;) {
    fill_queue();
    if (queued_ == 0 && rest_start_ == rest_end_) {
      // What was just read may have led further.
      follow_found();
      if (buckets_.empty()) break;
      continue;
    }
    if (rest_start_ < rest_end_) [[unlikely]] {
      const uint64_t start = rest_start_;
      rest_start_ = rest_end_ - start > kPiece ? start + kPiece : rest_end_;
      read_words(start, rest_start_);
    }
    read_queue();
    if (pool != nullptr && has_plenty() && pool->hungry()) share(*pool);
    if (go_on != nullptr && !go_on(objects_)) return false;
  }
  // Addresses that stay here would hold objects where the marker itself lies in a module whose data is searched.
  rest_start_ = rest_end_ = 0;
  return true;
}

void Marker::drain() { run(nullptr, nullptr); }

void Marker::drain_shared(Pool& pool) {
  shared_ = true;
  run(&pool, nullptr);
  Work work[Pool::kTaken];
  while (const uint32_t count = pool.take(work)) {
    for (uint32_t i = 0; i < count; ++i) accept(work[i]);
    run(&pool, nullptr);
  }
  shared_ = false;
  other_ = nullptr;
}

bool Marker::fetch(Pool& pool) {
  Work work[Pool::kTaken];
  const uint32_t count = pool.try_take(work);
  for (uint32_t i = 0; i < count; ++i) accept(work[i]);
  return count != 0;
}

bool Marker::drain_beside(Pool& pool, GoOn go_on) {
  shared_ = true;
  bool whole = true;
  do {
    whole = run(&pool, go_on);
  } while (whole && fetch(pool));
  shared_ = false;
  return whole;
}

bool Marker::has_rest() const {
  return found_ != 0 || queued_ != 0 || taken_at_ != taken_count_ || rest_start_ != rest_end_ ||
         !buckets_.empty();
}

bool Marker::help_beside(Pool& pool, GoOn go_on) {
  shared_ = true;  // what is fetched may be followed at once
  const bool some = has_rest() || fetch(pool);
  if (some) {
    while (run(&pool, go_on) && fetch(pool)) {
    }
  }
  shared_ = false;
  return some;
}

bool Marker::take_over(Marker& other) {
  objects_ += other.objects_;
  other.objects_ = 0;
  other.follow_found();
  while (!other.buckets_.empty()) {
    const uint32_t region = other.buckets_.take();
    other.settle(region, false);
    buckets_.want(region);
  }
  for (uint32_t i = 0; i < other.queued_; ++i) read(other.tables_->queue[i]);
  taken_count_ = 0;
  for (taken_at_ = 0; other.taken_at_ < other.taken_count_; ++other.taken_at_)
    tables_->taken[taken_count_++] = other.tables_->taken[other.taken_at_];
  if (other.rest_start_ != other.rest_end_) accept({other.rest_start_, other.rest_end_});
  other.queued_ = 0;
  other.rest_start_ = other.rest_end_ = 0;
  return has_rest();
}

void Marker::help(Pool& pool) {
  shared_ = true;
  Work work[Pool::kTaken];
  while (const uint32_t count = pool.take_until_closed(work)) {
    for (uint32_t i = 0; i < count; ++i) accept(work[i]);
    run(&pool, nullptr);
  }
  shared_ = false;
  other_ = nullptr;
}

}  // namespace loam::collector
