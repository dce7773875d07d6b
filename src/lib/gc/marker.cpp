#include "lib/gc/marker.hpp"

#include <string.h>

#include "base/bits.hpp"
#include "sys/cpu.hpp"
#include "sys/kernel.hpp"
#include "sys/sanitizer.hpp"

namespace loam::collector {

namespace {

constexpr uint64_t kAddressMask = (uint64_t{1} << 48) - 1;
// As measured for the leak search: the processor sees by itself that the lines behind are wanted next.
constexpr uint64_t kFetchBytes = 320;
constexpr uint64_t kLine = 64;
// Of a large object at a time, so that others may have the rest.
constexpr uint64_t kPiece = uint64_t{128} << 10;
// Less is not worth the lock.
constexpr uint64_t kWorthSharing = 64;
// So many objects are read between looks at whether somebody has nothing to do.
constexpr unsigned kPatience = 64;
constexpr unsigned kSpins = 200;

inline void prefetch(uint64_t address, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes && at < kFetchBytes; at += kLine)
    __builtin_prefetch(reinterpret_cast<const void*>(address + at));
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

uint32_t Pool::give(const uint64_t* entries, uint32_t count) {
  lock();
  const uint32_t have = count_.load(std::memory_order_relaxed);
  if (count > kRoom - have) count = kRoom - have;
  memcpy(entries_ + have, entries, count * sizeof(uint64_t));
  count_.store(have + count, std::memory_order_relaxed);
  unlock();
  return count;
}

// Idle is who waits here; when all who are inside wait and the pool is empty, the work is done. Who enters later finds it empty too.
uint32_t Pool::take(uint64_t* entries) {
  idle_.fetch_add(1, std::memory_order_acq_rel);
  for (unsigned spin = 0;; ++spin) {
    if (count_.load(std::memory_order_relaxed) != 0) {
      lock();
      const uint32_t have = count_.load(std::memory_order_relaxed);
      const uint32_t count = (have + 1) / 2;
      if (count != 0) {
        memcpy(entries, entries_ + have - count, count * sizeof(uint64_t));
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

bool Marker::prepare(uint64_t most_entries) {
  base_ = space.base();
  extent_ = space.used_bytes();
  objects_ = 0;
  top_ = bottom_ = 0;
  shared_ = false;
  if (most_entries <= room_) return true;
  if (stack_ != nullptr) sys::unmap(stack_, room_ * sizeof(Entry));
  room_ = most_entries + most_entries / 2 + Pool::kRoom;
  room_ = base::align_up(room_, 4096);
  stack_ = static_cast<Entry*>(sys::map_unreserved(room_ * sizeof(Entry)));
  if (stack_ == nullptr) room_ = 0;
  return stack_ != nullptr;
}

inline bool Marker::take(uint32_t block, uint32_t index) {
  uint64_t* word = space.open_bits(block) + index / 64;
  const uint64_t bit = uint64_t{1} << (index % 64);
  if (!shared_) {
    const uint64_t before = *word;
    *word = before & ~bit;
    return (before & bit) != 0;
  }
  if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bit) == 0) return false;
  return (__atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED) & bit) != 0;
}

inline void Marker::follow(uint64_t word) {
  const uint64_t offset = word - base_;
  auto number = static_cast<uint32_t>(offset >> kBlockShift);
  const Block* block = &space.block(number);
  uint32_t index = 0;
  if (block->state == State::kSmall) [[likely]] {
    index = static_cast<uint32_t>(((offset & (kBlockBytes - 1)) * block->inverse) >> 32);
  } else if (block->state == State::kRest) {
    number -= block->bytes;
    block = &space.block(number);
  } else if (block->state == State::kFree) {
    return;
  }
  if (!take(number, index)) return;
  ++objects_;
  if (is_atomic(block->kind)) return;
  const uint64_t address = space.address(number) + uint64_t{index} * block->bytes;
  const bool usual = block->state == State::kSmall && block->kind != Kind::kTyped;
  const uint64_t units = usual ? block->bytes / kUnit : 0;
  stack_[top_++] = address | (units << kSizeShift);
}

LOAM_UNWATCHED void Marker::read_words(uint64_t start, uint64_t end) {
  for (uint64_t at = start; at < end; at += sizeof(uint64_t)) add_word(load(at));
}

void Marker::add_range(uint64_t start, uint64_t end) {
  read_words(base::align_up(start, sizeof(uint64_t)), base::align_down(end, sizeof(uint64_t)));
}

void Marker::add_content(Slot slot) {
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

// Typed and large objects; of those the next piece.
void Marker::read_unusual(uint64_t address) {
  const Slot slot = space.find(address);
  const Block& block = space.block(slot.block);
  if (block.kind == Kind::kTyped) {
    void* object = reinterpret_cast<void*>(space.start_of(slot));
    const auto* type = *static_cast<const Type* const*>(object);
    // Null while the object is being made: what its constructor has stored so far lies nowhere else perhaps.
    if (type != nullptr)
      type->trace(object, *this);
    else
      read_words(space.start_of(slot), space.start_of(slot) + base::align_down(space.bytes_of(slot), kUnit));
    return;
  }
  const uint64_t end = space.start_of(slot) + base::align_down(space.bytes_of(slot), sizeof(uint64_t));
  const uint64_t piece_end = end - address > kPiece ? address + kPiece : end;
  if (piece_end < end) stack_[top_++] = piece_end;
  read_words(address, piece_end);
}

inline void Marker::read(Entry entry) {
  const uint64_t address = entry & kAddressMask;
  const uint64_t bytes = (entry >> kSizeShift) * kUnit;
  if (bytes == 0) [[unlikely]]
    return read_unusual(address);
  read_words(address, address + bytes);
}

void Marker::share(Pool& pool) {
  const uint64_t have = top_ - bottom_;
  if (have < kWorthSharing) return;
  const uint64_t half = have / 2 < Pool::kRoom ? have / 2 : Pool::kRoom;
  bottom_ += pool.give(stack_ + bottom_, static_cast<uint32_t>(half));
}

void Marker::run(Pool* pool) {
  Entry queue[kQueue] = {};
  unsigned at = 0;
  unsigned waiting = 0;
  unsigned patience = kPatience;
  while (top_ > bottom_ || waiting > 0) {
    if (waiting < kQueue && top_ > bottom_) {
      const Entry entry = stack_[--top_];
      const uint64_t bytes = (entry >> kSizeShift) * kUnit;
      prefetch(entry & kAddressMask, bytes != 0 ? bytes : kLine);
      queue[(at + waiting++) % kQueue] = entry;
      continue;
    }
    const Entry oldest = queue[at];
    at = (at + 1) % kQueue;
    --waiting;
    read(oldest);
    if (pool != nullptr && --patience == 0) {
      patience = kPatience;
      if (pool->hungry()) share(*pool);
    }
  }
  top_ = bottom_ = 0;
}

void Marker::drain() { run(nullptr); }

void Marker::drain_shared(Pool& pool) {
  shared_ = true;
  for (;;) {
    run(&pool);
    const uint32_t count = pool.take(stack_);
    if (count == 0) break;
    top_ = count;
    bottom_ = 0;
  }
  shared_ = false;
}

}  // namespace loam::collector
