#include "stack/row_cache.hpp"

#include <atomic>

#include "stack/eh_frame.hpp"
#include "stack/modules.hpp"
#include "stack/rules.hpp"
#include "sys/kernel.hpp"

namespace loam::stack {

namespace {

struct Slot {
  std::atomic<uint64_t> key;
  std::atomic<uint64_t> row;
};

// 1 MiB of addresses; a page of it is touched when one of its 256 slots is.
constexpr unsigned kSlotBits = 16;
constexpr size_t kTableBytes = sizeof(Slot) << kSlotBits;

constinit std::atomic<Slot*> table{nullptr};
constinit std::atomic<uint64_t> made{0};

uint64_t spread(uint64_t word) { return word * 0x9e3779b97f4a7c15u; }

uint64_t key_of(uint64_t address, uint32_t generation) {
  return address ^ uint64_t { generation } << 48;
}

[[gnu::noinline]] Row make_row(uint64_t pc) {
  made.fetch_add(1, std::memory_order_relaxed);
  Row row;
  const Module* module = module_at(pc);
  if (module == nullptr) return row;
  Entry entry;
  if (module->frames.header != nullptr && find_entry(module->frames, pc, entry)) {
    Rules rules;
    if (run_rules(entry, pc, rules)) row = row_of(rules, entry.signal_frame);
  }
  row.module = module->id;
  return row;
}

}  // namespace

bool prepare_rows() {
  if (table.load(std::memory_order_acquire) != nullptr) return true;
  void* memory = sys::map(kTableBytes);
  if (memory == nullptr) return false;
  Slot* none = nullptr;
  if (!table.compare_exchange_strong(none, static_cast<Slot*>(memory), std::memory_order_acq_rel))
    sys::unmap(memory, kTableBytes);
  return true;
}

Row row_at(uint64_t return_address) {
  Slot* slots = table.load(std::memory_order_acquire);
  if (slots == nullptr) return make_row(return_address - 1);
  const uint32_t generation = module_generation();
  const uint64_t key = key_of(return_address, generation);
  Slot* pair = slots + (spread(return_address) >> (64 - kSlotBits) & ~uint64_t{1});
  for (unsigned i = 0; i < 2; ++i) {
    const uint64_t row = pair[i].row.load(std::memory_order_relaxed);
    if ((pair[i].key.load(std::memory_order_relaxed) ^ row) == key && row != 0) return Row::unpacked(row);
  }
  const Row row = make_row(return_address - 1);
  // Code of no module comes and goes unseen. What was made while modules changed may be of either.
  if (row.module == 0 || module_generation() != generation) return row;
  Slot& slot = pair[(pair[0].row.load(std::memory_order_relaxed) == 0) ? 0 : (return_address >> 1 & 1)];
  const uint64_t word = row.packed();
  slot.row.store(word, std::memory_order_relaxed);
  slot.key.store(key ^ word, std::memory_order_relaxed);
  return row;
}

uint64_t rows_made() { return made.load(std::memory_order_relaxed); }

}  // namespace loam::stack
