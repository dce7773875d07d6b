#include "check/quarantine.hpp"

#include "sys/kernel.hpp"
#include "sys/lone.hpp"

namespace loam::check {

namespace {

// A slot that its owner may fill. Zero, as the ring begins: closed.
char* const kOpen = reinterpret_cast<char*>(1);

// How far ahead of the visitor lines are asked for.
constexpr uint64_t kAhead = 12;

// Bytes that a thread keeps to itself before it tells the sum: a shared counter at every free would be fought for.
constexpr uint64_t kUntold = uint64_t{64} << 10;

}  // namespace

bool Quarantine::open(uint64_t most_bytes) {
  slots_ = most_bytes < kLargeBound ? kSlots : kMostSlots;
  ring_ = static_cast<Slot*>(sys::map(ring_bytes()));
  most_bytes_ = most_bytes;
  return ring_ != nullptr;
}

// A batch of slots for the thread, open; false if the ring is full.
bool Quarantine::claim(QuarantinePart& part) {
  if (blocks() + 2 * kBatch > slots_) return false;
  const uint64_t first = head_.fetch_add(kBatch, std::memory_order_relaxed);
  for (uint64_t i = 0; i < kBatch; ++i)
    ring_[(first + i) & (slots_ - 1)].store(kOpen, std::memory_order_relaxed);
  part.next = first;
  part.end = first + kBatch;
  return true;
}

bool Quarantine::put(QuarantinePart& part, uint64_t slot, char* memory, size_t bytes) {
  char* nothing = kOpen;
  if (!sys::exchange_if(ring_[slot], nothing, memory)) {
    part.next = part.end;
    return false;
  }
  part.untold_bytes += bytes;
  if (part.untold_bytes >= kUntold || part.next == part.end) {
    bytes_.fetch_add(part.untold_bytes, std::memory_order_relaxed);
    part.untold_bytes = 0;
  }
  return true;
}

uint64_t Quarantine::take_batch(uint64_t (&slots)[kBatch], char* (&blocks)[kBatch]) {
  uint64_t tail = tail_.load(std::memory_order_relaxed);
  uint64_t count = 0;
  while (count < kBatch && tail != head_.load(std::memory_order_relaxed)) {
    char* block = sys::exchange(ring_[tail & (slots_ - 1)], static_cast<char*>(nullptr));
    // Reserved by somebody who has yet to open it: what will stand there must not be passed over.
    if (block == nullptr) break;
    if (block != kOpen) {
      slots[count] = tail & (slots_ - 1);
      blocks[count++] = block;
    }
    ++tail;
  }
  tail_.store(tail, std::memory_order_relaxed);
  return count;
}

void Quarantine::take_excess(Visitor prepare, Visitor visit, void* argument) {
  if (!is_over() || lock_.held_by_me() || !lock_.try_lock()) return;
  // Two batches at most for each one that comes in: nobody pays for all at once.
  for (int i = 0; i < 2 && is_over(); ++i) {
    uint64_t slots[kBatch];
    char* blocks[kBatch];
    const uint64_t count = take_batch(slots, blocks);
    // All touched first: the blocks have long left the cache, and so their lines come at once instead of in turn.
    for (uint64_t b = 0; b < count; ++b) prepare(slots[b], blocks[b], argument);
    for (uint64_t b = 0; b < count; ++b) visit(slots[b], blocks[b], argument);
    if (count == 0) break;
  }
  lock_.unlock();
}

void Quarantine::for_each(Visitor prepare, Visitor visit, void* argument) {
  if (lock_.held_by_me()) return;
  sys::LockGuard guard(lock_);
  const uint64_t head = head_.load(std::memory_order_acquire);
  for (uint64_t i = tail_.load(std::memory_order_relaxed); i < head; ++i) {
    char* block = at((i + kAhead) & (slots_ - 1));
    if (block != nullptr) prepare((i + kAhead) & (slots_ - 1), block, argument);
    block = at(i & (slots_ - 1));
    if (block != nullptr) visit(i & (slots_ - 1), block, argument);
  }
}

char* Quarantine::at(uint64_t slot) const {
  char* block = ring_ == nullptr ? nullptr : ring_[slot & (slots_ - 1)].load(std::memory_order_acquire);
  return block == kOpen ? nullptr : block;
}

}  // namespace loam::check
