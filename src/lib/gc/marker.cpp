#include "lib/gc/marker.hpp"

#include <string.h>

#include "base/bits.hpp"
#include "lib/gc/outsiders.hpp"
#include "sys/cpu.hpp"
#include "sys/kernel.hpp"
#include "sys/sanitizer.hpp"

namespace loam::collector {

namespace {

// As measured for the leak search: the processor sees by itself that the lines behind are wanted next.
constexpr uint64_t kFetchBytes = 320;
constexpr uint64_t kLine = 64;
// Of a large object at a time, so that others may have the rest.
constexpr uint64_t kPiece = uint64_t{128} << 10;
// Less is not worth the lock.
constexpr uint64_t kWorthSharing = 8;
// So many objects are read between looks at whether somebody has nothing to do.
constexpr unsigned kPatience = 64;
constexpr unsigned kSpins = 200;

// An object that is smaller than a line may lie on two.
inline void prefetch(uint64_t start, uint64_t end) {
  if (end > start + kFetchBytes) end = start + kFetchBytes;
  for (uint64_t at = base::align_down(start, kLine); at < end; at += kLine)
    __builtin_prefetch(reinterpret_cast<const void*>(at));
}

LOAM_UNWATCHED inline uint64_t load(uint64_t address) {
  return *reinterpret_cast<const volatile uint64_t*>(address);
}

}  // namespace

void Pool::lock() {
  for (unsigned spin = 0; lock_.exchange(1, std::memory_order_acquire) != 0; ++spin) {
    if (spin < kSpins)
      sys::pause();
    else
      sys::yield();
  }
}

void Pool::open() {
  lock();
  open_ = true;
  count_.store(0, std::memory_order_relaxed);
  idle_.store(0, std::memory_order_relaxed);
  inside_.store(1, std::memory_order_relaxed);
  unlock();
}

void Pool::close() {
  lock();
  open_ = false;
  unlock();
  leave();
  while (inside_.load(std::memory_order_acquire) != 0) sys::yield();
}

bool Pool::enter() {
  lock();
  const bool was_open = open_;
  if (was_open) inside_.fetch_add(1, std::memory_order_relaxed);
  unlock();
  return was_open;
}

void Pool::leave() { inside_.fetch_sub(1, std::memory_order_acq_rel); }

bool Pool::give(Work work) {
  lock();
  const uint32_t have = count_.load(std::memory_order_relaxed);
  const bool room = have < kRoom;
  if (room) {
    work_[have] = work;
    count_.store(have + 1, std::memory_order_relaxed);
  }
  unlock();
  return room;
}

// Idle is who waits here; when all who are inside wait and the pool is empty, the work is done. Who enters later finds it empty too.
uint32_t Pool::take(Work* work) {
  idle_.fetch_add(1, std::memory_order_acq_rel);
  for (unsigned spin = 0;; ++spin) {
    if (count_.load(std::memory_order_relaxed) != 0) {
      lock();
      const uint32_t have = count_.load(std::memory_order_relaxed);
      const uint32_t half = (have + 1) / 2;
      const uint32_t count = half < kTaken ? half : kTaken;
      if (count != 0) {
        memcpy(work, work_ + have - count, count * sizeof(Work));
        count_.store(have - count, std::memory_order_relaxed);
        idle_.fetch_sub(1, std::memory_order_acq_rel);
        unlock();
        return count;
      }
      unlock();
    }
    lock();
    const bool done = idle_.load(std::memory_order_relaxed) >= inside_.load(std::memory_order_relaxed) &&
                      count_.load(std::memory_order_relaxed) == 0;
    // Stays idle for good, so that the others see it too.
    unlock();
    if (done) return 0;
    if (spin < kSpins)
      for (unsigned i = 0; i < 20; ++i) sys::pause();
    else
      sys::yield();
  }
}

bool Marker::prepare() {
  base_ = space.base();
  extent_ = space.used_bytes();
  objects_ = 0;
  // What is left of one that was broken off.
  first_ = last_ = bits_ = 0;
  start_ = rest_start_ = rest_end_ = 0;
  for (Pointer& pointer : pointers_) pointer = {};
  shared_ = beside_ = false;
  const uint64_t words = space.window_bytes() / kBlockBytes * kBitWords;
  if (ring_ == nullptr) ring_ = static_cast<uint32_t*>(sys::map_unreserved(2 * words * sizeof(uint32_t)));
  // Its pages are touched one after the other: no longer than must be.
  ring_mask_ = (uint64_t{2} << base::highest_bit(uint64_t{space.block_count()} * kBitWords + 1)) - 1;
  marks_ = space.marks(0);
  return ring_ != nullptr;
}

// `bits` may be none.
inline void Marker::put(uint32_t word, uint64_t bits) {
  uint64_t& waiting = marks_[word].waiting;
  const uint64_t before = shared_ ? __atomic_fetch_or(&waiting, bits, __ATOMIC_RELAXED) : waiting;
  if (!shared_) waiting = before | bits;
  ring_[last_ & ring_mask_] = word;
  last_ += static_cast<uint64_t>(before == 0) & static_cast<uint64_t>(bits != 0);
}

void Marker::settle_shared(Pointer pointer) {
  uint64_t* open = &marks_[pointer.word].open;
  const uint64_t bit = uint64_t{pointer.is} << pointer.at;
  if ((__atomic_load_n(open, __ATOMIC_RELAXED) & bit) == 0) return;
  if ((__atomic_fetch_and(open, ~bit, __ATOMIC_RELAXED) & bit) == 0) return;
  ++objects_;
  if (pointer.leads != 0) put(pointer.word, bit);
}

// Whether an object is still open is as good as random where each is pointed to more than once, and what tells lies in the last of
// loads that wait for each other: one marker alone does not branch on it.
inline void Marker::settle(Pointer pointer) {
  if (shared_) return settle_shared(pointer);
  Marks& marks = marks_[pointer.word];
  const uint64_t was = (marks.open >> pointer.at) & pointer.is;
  const uint64_t bits = (was & pointer.leads) << pointer.at;
  const uint64_t begins = static_cast<uint64_t>(marks.waiting == 0) & was & pointer.leads;
  marks.open &= ~(was << pointer.at);
  marks.waiting |= bits;
  ring_[last_ & ring_mask_] = pointer.word;
  last_ += begins;
  objects_ += was;
}

void Marker::settle_all() {
  for (Pointer& pointer : pointers_) {
    settle(pointer);
    pointer = {};
  }
}

void Marker::follow(uint64_t word) {
  const uint64_t offset = word - base_;
  auto number = static_cast<uint32_t>(offset >> kBlockShift);
  const Block* block = &space.block(number);
  const State state = state_of(*block);
  uint32_t index = 0;
  if (state == State::kSmall) [[likely]] {
    index = static_cast<uint32_t>(((offset & (kBlockBytes - 1)) * block->inverse) >> 32);
  } else if (state == State::kRest) {
    number -= block->bytes;
    block = &space.block(number);
  } else if (state == State::kFree) {
    return;
  }
  const uint32_t at = number * kBitWords + index / 64;
  __builtin_prefetch(&marks_[at], 1);
  Pointer& place = pointers_[next_pointer_];
  next_pointer_ = (next_pointer_ + 1) % kPointers;
  const Pointer oldest = place;
  place = {at, static_cast<uint8_t>(index % 64), 1, static_cast<uint8_t>(is_atomic(block->kind) ? 0 : 1)};
  settle(oldest);
}

LOAM_UNWATCHED void Marker::read_words(uint64_t start, uint64_t end) {
  const uint64_t base = base_;
  const uint64_t extent = extent_;
  for (uint64_t at = start; at < end; at += sizeof(uint64_t)) {
    const uint64_t word = load(at);
    if (word - base < extent) follow(word);
  }
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

inline uint64_t Marker::take_waiting(uint32_t word) {
  uint64_t& waiting = marks_[word].waiting;
  if (shared_) return __atomic_exchange_n(&waiting, 0, __ATOMIC_RELAXED);
  const uint64_t bits = waiting;
  waiting = 0;
  return bits;
}

// Half of what waits: of a large object, else of the words.
void Marker::share(Pool& pool) {
  if (rest_end_ - rest_start_ > 2 * kPiece) {
    const uint64_t middle = base::align_down((rest_start_ + rest_end_) / 2, sizeof(uint64_t));
    if (pool.give({middle, rest_end_})) rest_end_ = middle;
    return;
  }
  for (uint64_t left = last_ - first_; left >= kWorthSharing && left > (last_ - first_) / 2; --left) {
    const uint32_t word = ring_[first_ & ring_mask_];
    const uint64_t bits = take_waiting(word);
    if (!pool.give({word | kWorkIsBits, bits})) {
      // As it was.
      put(word, bits);
      ++first_;
      return;
    }
    ++first_;
  }
}

// The next object that waits, if there is one.
inline bool Marker::next(Entry& entry) {
  if (bits_ == 0) {
    if (first_ == last_) return false;
    const uint32_t word = ring_[first_++ & ring_mask_];
    bits_ = take_waiting(word);
    const Block& block = space.block(word / kBitWords);
    const bool usual = block.state == State::kSmall && block.kind != Kind::kTyped;
    step_ = block.bytes;
    start_ = space.address(word / kBitWords) + uint64_t{word % kBitWords} * 64 * step_;
    read_bytes_ = usual ? step_ : 0;
  }
  const unsigned at = base::lowest_bit(bits_);
  entry.start = start_ + at * step_;
  if (read_bytes_ == 0) [[unlikely]] {
    entry.end = entry.start;
    bits_ &= bits_ - 1;
    return true;
  }
  // Neighbours are read as one.
  const uint64_t left = bits_ & (bits_ + (uint64_t{1} << at));
  entry.end = entry.start + base::lowest_bit(~(bits_ >> at)) * read_bytes_;
  bits_ = left;
  return true;
}

bool Marker::run(Pool* pool, GoOn go_on) {
  Entry queue[kQueue] = {};
  unsigned at = 0;
  unsigned waiting = 0;
  unsigned patience = kPatience;
  for (;;) {
    while (waiting < kQueue) {
      Entry& entry = queue[(at + waiting) % kQueue];
      if (!next(entry)) break;
      prefetch(entry.start, entry.end > entry.start ? entry.end : entry.start + kLine);
      ++waiting;
    }
    if (rest_start_ < rest_end_) [[unlikely]] {
      const uint64_t start = rest_start_;
      rest_start_ = rest_end_ - start > kPiece ? start + kPiece : rest_end_;
      read_words(start, rest_start_);
      if (pool != nullptr && pool->hungry()) share(*pool);
      if (go_on != nullptr && !go_on(objects_)) return false;
    }
    if (waiting == 0) {
      // What was just read may have led further.
      settle_all();
      if (first_ != last_ || rest_start_ < rest_end_) continue;
      break;
    }
    const Entry oldest = queue[at];
    at = (at + 1) % kQueue;
    --waiting;
    read(oldest);
    if (--patience == 0) {
      patience = kPatience;
      if (pool != nullptr && pool->hungry()) share(*pool);
      if (go_on != nullptr && !go_on(objects_)) return false;
    }
  }
  // Addresses that stay here would hold objects where the marker itself lies in a module whose data is searched.
  start_ = rest_start_ = rest_end_ = 0;
  return true;
}

void Marker::drain() { run(nullptr, nullptr); }

void Marker::drain_shared(Pool& pool) {
  shared_ = true;
  Work work[Pool::kTaken];
  for (;;) {
    run(&pool, nullptr);
    const uint32_t count = pool.take(work);
    if (count == 0) break;
    for (uint32_t i = 0; i < count; ++i) {
      if ((work[i].at & kWorkIsBits) != 0) {
        put(static_cast<uint32_t>(work[i].at), work[i].what);
      } else if (rest_start_ == rest_end_) {
        rest_start_ = work[i].at;
        rest_end_ = work[i].what;
      } else {
        read_words(work[i].at, work[i].what);
      }
    }
  }
  shared_ = false;
}

}  // namespace loam::collector
