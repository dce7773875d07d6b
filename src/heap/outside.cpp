#include "heap/outside.hpp"

#include <atomic>

#include "base/bits.hpp"
#include "heap/large.hpp"
#include "sys/held_signals.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {

namespace {

struct Table {
  sys::RankedLock<sys::LockRank::kOutside> lock;
  OutsideBlock* blocks = nullptr;  // sorted by address
  size_t count = 0;
  size_t capacity = 0;
  std::atomic<uint64_t> bytes{0};  // written under the lock
};

constinit Table table;

// The index of the first block that ends above the address.
size_t position(const void* address) {
  size_t low = 0;
  size_t high = table.count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    const OutsideBlock& block = table.blocks[middle];
    if (block.block + block.bytes <= static_cast<const char*>(address))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool reserve_one() {
  if (table.count < table.capacity) return true;
  const size_t capacity = table.capacity == 0 ? kPage / sizeof(OutsideBlock) : table.capacity * 2;
  auto* blocks = static_cast<OutsideBlock*>(sys::map(base::align_up(capacity * sizeof(OutsideBlock), kPage)));
  if (blocks == nullptr) return false;
  for (size_t i = 0; i < table.count; ++i) blocks[i] = table.blocks[i];
  if (table.blocks != nullptr)
    sys::unmap(table.blocks, base::align_up(table.capacity * sizeof(OutsideBlock), kPage));
  table.blocks = blocks;
  table.capacity = capacity;
  return true;
}

bool insert(const OutsideBlock& block) {
  if (!reserve_one()) return false;
  const size_t at = position(block.block);
  for (size_t i = table.count; i > at; --i) table.blocks[i] = table.blocks[i - 1];
  table.blocks[at] = block;
  ++table.count;
  table.bytes.fetch_add(block.bytes, std::memory_order_relaxed);
  return true;
}

void remove(size_t at) {
  table.bytes.fetch_sub(table.blocks[at].bytes, std::memory_order_relaxed);
  --table.count;
  for (size_t i = at; i < table.count; ++i) table.blocks[i] = table.blocks[i + 1];
}

// A handler that interrupted this table's owner could neither wait for it nor go another way: this is the last one.
class Guard {
 public:
  Guard() : signals_(~sys::kOwnFaults), lock_(table.lock) {}

 private:
  sys::HeldSignals signals_;  // from before the lock until after it
  sys::LockGuard lock_;
};

bool starts_at(size_t at, const void* block) { return at < table.count && table.blocks[at].block == block; }

}  // namespace

void* allocate_outside(size_t bytes, size_t alignment, bool* zero) {
  if (table.lock.held_by_me()) return nullptr;  // the handler of a fault or a trap inside this table
  const size_t extra = alignment > kPage ? alignment : 0;
  if (bytes > PTRDIFF_MAX || extra > PTRDIFF_MAX - bytes) return nullptr;
  auto* mapping = static_cast<char*>(sys::map(bytes + extra));
  if (mapping == nullptr) return nullptr;
  const auto start = reinterpret_cast<uint64_t>(mapping);
  char* block = mapping + (base::align_up(start, extra == 0 ? kPage : alignment) - start);
  bool inserted;
  {
    const Guard guard;
    inserted = insert({block, bytes, mapping, bytes + extra});
  }
  if (!inserted) {
    sys::unmap(mapping, bytes + extra);
    return nullptr;
  }
  if (zero != nullptr) *zero = true;
  return block;
}

bool release_outside(void* block) {
  OutsideBlock found;
  {
    if (table.lock.held_by_me()) return false;
    const Guard guard;
    const size_t at = position(block);
    if (!starts_at(at, block)) return false;
    found = table.blocks[at];
    remove(at);
  }
  sys::unmap(found.mapping, found.mapped);
  return true;
}

void* resize_outside(void* block, size_t new_bytes) {
  const size_t bytes = base::align_up(new_bytes, kPage);
  if (table.lock.held_by_me()) return nullptr;
  const Guard guard;
  const size_t at = position(block);
  if (!starts_at(at, block) || table.blocks[at].block != table.blocks[at].mapping) return nullptr;
  // Room for the moved entry is certain: one is removed before one is inserted.
  auto* moved = static_cast<char*>(sys::remap(block, table.blocks[at].mapped, bytes));
  if (moved == nullptr) return nullptr;
  remove(at);
  insert({moved, bytes, moved, bytes});
  return moved;
}

bool find_outside(const void* address, OutsideBlock* found) {
  if (table.lock.held_by_me()) return false;
  const Guard guard;
  const size_t at = position(address);
  if (at == table.count || static_cast<const char*>(address) < table.blocks[at].block) return false;
  *found = table.blocks[at];
  return true;
}

namespace {

constexpr uint64_t kPatienceNs = 200'000'000;

bool lock_patiently() {
  if (table.lock.held_by_me()) return false;
  const uint64_t deadline = sys::monotonic_ns() + kPatienceNs;
  while (!table.lock.try_lock()) {
    if (sys::monotonic_ns() >= deadline) return false;
    sys::yield();
  }
  return true;
}

}  // namespace

bool for_each_outside(void (*visit)(const OutsideBlock&, void*), void* argument) {
  const sys::HeldSignals signals(~sys::kOwnFaults);
  if (!lock_patiently()) return false;
  for (size_t i = 0; i < table.count; ++i) visit(table.blocks[i], argument);
  table.lock.unlock();
  return true;
}

bool next_outside(const void* address, OutsideBlock* found) {
  const sys::HeldSignals signals(~sys::kOwnFaults);
  if (!lock_patiently()) return false;
  size_t at = position(address);
  // What alignment left over behind the block before still belongs to its mapping.
  if (at > 0 &&
      table.blocks[at - 1].mapping + table.blocks[at - 1].mapped > static_cast<const char*>(address))
    --at;
  *found = at < table.count ? table.blocks[at] : OutsideBlock{};
  table.lock.unlock();
  return true;
}

bool locate_outside_table(OutsideTable* where) {
  const sys::HeldSignals signals(~sys::kOwnFaults);
  if (!lock_patiently()) return false;
  *where = {table.blocks, base::align_up(table.capacity * sizeof(OutsideBlock), kPage)};
  table.lock.unlock();
  return true;
}

uint64_t outside_bytes() { return table.bytes.load(std::memory_order_relaxed); }
sys::Lock& outside_lock() { return table.lock; }

}  // namespace loam::heap
