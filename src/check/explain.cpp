// What a faulting address has to do with the program's blocks.
#include "check/state.hpp"

namespace loam::check {

namespace {

// How far in front of a block, or behind it, an address is; 0 inside.
uint64_t distance(const BlockInfo& block, const char* address) {
  if (address < block.user) return static_cast<uint64_t>(block.user - address);
  const char* end = block.user + block.size;
  return address < end ? 0 : static_cast<uint64_t>(address - end) + 1;
}

bool is_freed(const BlockInfo& block) {
  return block.record->state.load(std::memory_order_acquire) != BlockState::kLive;
}

bool was_used(const GuardedRecord* record) {
  return record != nullptr && record->record.state.load(std::memory_order_acquire) != BlockState::kNone;
}

// In the guarded page between two blocks: the nearer one is meant; of two alike the one that still lives.
GuardedRecord* nearer(GuardedRecord* before, const char* address) {
  const auto page =
      reinterpret_cast<const char*>(base::align_down(reinterpret_cast<uint64_t>(address), Guarded::kPage));
  const BlockInfo left = state.guarded.info_of(*before);
  if (page < left.memory + left.capacity) return before;
  GuardedRecord* after = state.guarded.starting_at(page + Guarded::kPage);
  if (!was_used(after)) return before;
  const BlockInfo right = state.guarded.info_of(*after);
  const uint64_t to_left = distance(left, address);
  const uint64_t to_right = distance(right, address);
  if (to_left == to_right) return is_freed(left) ? after : before;
  return to_left < to_right ? before : after;
}

bool explain_guarded(const char* address, Finding* finding) {
  GuardedRecord* record = state.guarded.find(address);
  // In front of the first run of all.
  if (record == nullptr) record = state.guarded.starting_at(state.guarded.page_behind(address));
  if (record == nullptr) return false;
  record = nearer(record, address);
  if (!was_used(record)) return false;
  const BlockInfo block = state.guarded.info_of(*record);
  finding->evidence = Evidence::kFault;
  finding->kind = is_freed(block)        ? Kind::kUseAfterFree
                  : address < block.user ? Kind::kUnderflow
                                         : Kind::kOverflow;
  describe(block, finding);
  return true;
}

bool explain_retired(const void* address, Finding* finding) {
  const BlockInfo missed = state.pages.find_behind(address);
  if (missed.record != nullptr) {
    finding->evidence = Evidence::kFault;
    finding->kind = Kind::kUnderflow;
    describe(missed, finding);
    return true;
  }
  const BlockInfo block = state.pages.find(address);
  if (block.record == nullptr || !is_freed(block)) return false;
  finding->evidence = Evidence::kFault;
  finding->kind = Kind::kUseAfterFree;
  describe(block, finding);
  return true;
}

// Onto a page that no block lies on yet: what went past the end of the last one on the page before.
bool explain_unfilled(const void* address, Finding* finding) {
  const BlockInfo block = state.pages.find_before(address);
  if (block.record == nullptr) return false;
  finding->evidence = Evidence::kFault;
  finding->kind = is_freed(block) ? Kind::kUseAfterFree : Kind::kOverflow;
  describe(block, finding);
  return true;
}

void describe_poison(const BlockInfo& block, int64_t displacement, Finding* finding) {
  finding->kind = Kind::kUseAfterFree;
  finding->evidence = Evidence::kPoisonRead;
  finding->extent = static_cast<uint64_t>(displacement);
  describe(block, finding);
  finding->offset = 0;
}

bool explain_poison(uint64_t address, Finding* finding) {
  int64_t displacement = 0;
  const BlockInfo in_page = state.pages.find_poisoned(address, &displacement);
  if (in_page.record != nullptr) {
    describe_poison(in_page, displacement, finding);
    return true;
  }
  const Poison::Place place = state.poison.find(address);
  if (!place.inside) return false;
  const char* memory = state.quarantine.at(place.slot);
  if (memory == nullptr) return false;  // the block's memory has been handed out again
  const Home home = find_home(memory);
  if (!is_known(home)) return false;
  describe_poison(info_of(home), place.displacement, finding);
  return true;
}

}  // namespace

bool explain_fault(uint64_t address, Access access, Finding* finding) {
  finding->address = address;
  finding->access = access;
  if (state.guarded.covers(reinterpret_cast<const void*>(address)))
    return explain_guarded(reinterpret_cast<const char*>(address), finding);
  if (state.pages.is_retired(reinterpret_cast<const void*>(address)))
    return explain_retired(reinterpret_cast<const void*>(address), finding);
  if (state.pages.covers(reinterpret_cast<const void*>(address)))
    return explain_unfilled(reinterpret_cast<const void*>(address), finding);
  return explain_poison(address, finding);
}

bool faults(uint64_t address) {
  const auto* at = reinterpret_cast<const char*>(address);
  int64_t displacement = 0;
  if (state.guarded.covers(at)) return state.guarded.faults(at);
  if (state.pages.covers(at)) return state.pages.is_retired(at) || state.pages.is_unfilled(at);
  return state.pages.find_poisoned(address, &displacement).record != nullptr ||
         state.poison.find(address).inside;
}

bool covers(uint64_t address) {
  const auto* at = reinterpret_cast<const void*>(address);
  return state.guarded.covers(at) || state.pages.covers(at);
}

void fault_plainly(uint64_t address) {
  if (!covers(address)) return;
  sys::guard(reinterpret_cast<void*>(base::align_down(address, Guarded::kPage)), Guarded::kPage);
}

bool let_pass(uint64_t address) {
  const auto* at = reinterpret_cast<const void*>(address);
  return state.guarded.covers(at) ? state.guarded.open_page(at) : state.pages.open_page(at);
}

}  // namespace loam::check
