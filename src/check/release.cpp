#include <cstring>

#include "check/state.hpp"
#include "sys/kernel.hpp"

namespace loam::check {

namespace {

Outcome after_wrong_call() { return state.settings.keep_going ? Outcome::kDone : Outcome::kStop; }

Finding call_finding(Kind kind, const Returned& returned, StackId here) {
  Finding finding{};
  finding.kind = kind;
  finding.evidence = Evidence::kCall;
  finding.address = reinterpret_cast<uint64_t>(returned.block);
  finding.freed_as = returned.family;
  finding.here = here;
  return finding;
}

// A pointer into a block that cannot be freed: twice, or not where it starts.
Outcome refuse(const BlockInfo& info, const Returned& returned, StackId here) {
  Finding finding = call_finding(Kind::kInvalidFree, returned, here);
  if (info.record != nullptr) describe(info, &finding);
  if (info.record == nullptr)
    finding.place = "free span";
  else if (info.user == returned.block)
    finding.kind = Kind::kDoubleFree;
  report(finding);
  return after_wrong_call();
}

void check_match(const BlockInfo& info, const Returned& returned, StackId here) {
  const bool wrong_family = info.record->family != returned.family;
  const bool wrong_size = returned.sized && returned.size != info.size;
  if (!wrong_family && !wrong_size) [[likely]]
    return;
  Finding finding = call_finding(Kind::kMismatchedFree, returned, here);
  describe(info, &finding);
  finding.freed_at = finding.freed_by = 0;
  finding.sized = !wrong_family;
  finding.extent = wrong_family ? 0 : returned.size;
  report(finding);
}

// Takes the block from its user. Returns false if somebody else did before.
bool take_from_user(Record& record, heap::ThreadHeap* heap, StackId here) {
  BlockState live = BlockState::kLive;
  if (!record.state.compare_exchange_strong(live, BlockState::kLeaving, std::memory_order_acq_rel))
    return false;
  record.freed_by = thread_of(heap);
  record.freed_at = here;
  return true;
}

void release_guarded(GuardedRecord& guarded, StackId here) {
  Finding finding{};
  while (state.guarded.check_canaries(guarded, &finding)) {
    finding.here = here;
    finding.freed_at = finding.freed_by = 0;
    report(finding);
  }
  guarded.record.state.store(BlockState::kFreed, std::memory_order_release);
  state.guarded.give(guarded);
}

// What keeping the block costs: its record cannot be used for another one meanwhile.
size_t charge_of(const Home& home) { return home.capacity + sizeof(Record); }

void quarantine(heap::ThreadHeap* heap, ThreadPart* part, const Home& home) {
  for (;;) {
    const uint64_t slot = part == nullptr ? Quarantine::kNoSlot : state.quarantine.reserve(part->quarantine);
    if (slot == Quarantine::kNoSlot) {
      if (part != nullptr) ++part->unwatched;
      home.record->state.store(BlockState::kGone, std::memory_order_release);
      give_memory(heap, home);
      return;
    }
    fill_poison(user_of(home), size_of(home), state.poison.word(slot));
    home.record->state.store(BlockState::kFreed, std::memory_order_release);
    if (state.quarantine.put(part->quarantine, slot, home.memory, charge_of(home))) break;
  }
  take_excess(heap);
}

void release_cheap(heap::ThreadHeap* heap, ThreadPart* part, const Home& home, StackId here) {
  Finding finding{};
  while (check_canaries(home, state.secret, &finding)) {
    finding.here = here;
    finding.freed_at = finding.freed_by = 0;
    report(finding);
  }
  // A mapping of its own, or a large block the guarded window had no room for: too large to be kept.
  if (home.span == nullptr || home.span->kind != heap::SpanKind::kSmall) {
    home.record->state.store(BlockState::kGone, std::memory_order_release);
    give_memory(heap, home);
    return;
  }
  quarantine(heap, part, home);
}

}  // namespace

void inspect_poison(const BlockInfo& block, uint64_t word) {
  const char* last = nullptr;
  const char* first = find_unpoisoned(block.user, block.size, word, &last);
  if (first == nullptr) [[likely]]
    return;
  Finding finding{};
  finding.kind = Kind::kUseAfterFree;
  finding.evidence = Evidence::kPoison;
  finding.access = Access::kWrite;
  finding.address = reinterpret_cast<uint64_t>(first);
  finding.extent = static_cast<uint64_t>(last - first) + 1;
  describe(block, &finding);
  fill_poison(block.user, block.size, word);
  report(finding);
}

void inspect_freed(const Home& home, uint64_t slot) {
  inspect_poison(info_of(home), state.poison.word(slot));
  Finding finding{};
  while (check_canaries(home, state.secret, &finding)) report(finding);
}

void touch_freed(uint64_t, char* memory, void*) {
  const heap::Span* span = heap::page_map.find(memory);
  if (span == nullptr) return;
  const auto* records = static_cast<const Record*>(span->notes);
  __builtin_prefetch(memory);
  __builtin_prefetch(memory + 64);
  if (records != nullptr) __builtin_prefetch(&records[heap::block_index(*span, memory).index], 1);
  __builtin_prefetch(&span->states[heap::block_index(*span, memory).index], 1);
}

namespace {

void take_out(uint64_t slot, char* memory, void* heap) {
  const Home home = find_home(memory);
  if (!is_known(home)) return;
  inspect_freed(home, slot);
  state.quarantine.forget_bytes(charge_of(home));
  home.record->state.store(BlockState::kGone, std::memory_order_release);
  give_memory(static_cast<heap::ThreadHeap*>(heap), home);
}

}  // namespace

void take_excess(heap::ThreadHeap* heap) { state.quarantine.take_excess(touch_freed, take_out, heap); }

namespace {

void release_in_page(const BlockInfo& block, StackId here) {
  Finding finding{};
  while (state.pages.check_canaries(block, &finding)) {
    finding.here = here;
    finding.freed_at = finding.freed_by = 0;
    report(finding);
  }
  fill_poison(block.user, block.size, state.pages.poison_word(block));
  block.record->state.store(BlockState::kFreed, std::memory_order_release);
  state.pages.give(block);
}

// Where the block is, by tier; at most one is set.
struct Place {
  GuardedRecord* guarded = nullptr;
  BlockInfo info{};
  Home home{};
};

// Returns false for what is another malloc's, or nobody's.
bool locate(const void* pointer, Place& place) {
  if (state.guarded.covers(pointer)) {
    place.guarded = state.guarded.find(pointer);
    if (place.guarded != nullptr) place.info = state.guarded.info_of(*place.guarded);
    return true;
  }
  if (state.pages.covers(pointer)) {
    place.info = state.pages.find(pointer);
    return true;
  }
  place.home = find_home(pointer);
  if (is_known(place.home)) place.info = info_of(place.home);
  return place.home.record != nullptr || heap::page_map.find(pointer) != nullptr;
}

}  // namespace

void touch(const void* block) {
  if (state.pages.covers(block)) return state.pages.touch(block);
  const heap::Span* span = heap::page_map.find(block);
  if (span == nullptr || span->notes == nullptr) return;
  const uint64_t index = heap::block_index(*span, block).index;
  __builtin_prefetch(static_cast<const Record*>(span->notes) + index, 1);
  __builtin_prefetch(block, 1);
  __builtin_prefetch(static_cast<const char*>(block) + span->block_size - kWord, 1);
}

Outcome release(heap::ThreadHeap* heap, const Returned& returned) {
  const StackId here = returned.stack;
  Place place;
  if (!locate(returned.block, place)) return Outcome::kForeign;
  const BlockInfo& info = place.info;
  if (info.record == nullptr || info.user != returned.block ||
      info.record->state.load(std::memory_order_acquire) != BlockState::kLive)
    return refuse(info, returned, here);
  check_match(info, returned, here);
  if (!take_from_user(*info.record, heap, here)) return refuse(info, returned, here);
  ThreadPart* part = enter(heap);
  if (place.guarded != nullptr)
    release_guarded(*place.guarded, here);
  else if (place.home.record != nullptr)
    release_cheap(heap, part, place.home, here);
  else
    release_in_page(info, here);
  leave(part);
  return Outcome::kDone;
}

Outcome report_foreign(const Returned& returned, const char* place) {
  Finding finding = call_finding(Kind::kInvalidFree, returned, returned.stack);
  // What is wrong with a pointer that is poison is where it was read.
  if (!explain_fault(finding.address, Access::kRelease, &finding)) finding.place = place;
  report(finding);
  return after_wrong_call();
}

Resized resize(heap::ThreadHeap* heap, const Returned& returned, size_t size) {
  const BlockInfo info = find(returned.block);
  const bool live = info.record != nullptr && info.user == returned.block &&
                    info.record->state.load(std::memory_order_acquire) == BlockState::kLive;
  // What is wrong is told, or passed on, by the way of a free.
  if (!live) return {release(heap, returned), nullptr};
  void* fresh = allocate(heap, {size, 4, Family::kMalloc, false, returned.stack});
  if (fresh == nullptr) return {Outcome::kDone, nullptr};
  memcpy(fresh, returned.block, size < info.size ? size : info.size);
  return {release(heap, returned), fresh};
}

}  // namespace loam::check
