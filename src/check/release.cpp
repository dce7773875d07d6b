#include <cstring>

#include "check/small.hpp"
#include "check/state.hpp"
#include "sys/kernel.hpp"
#include "sys/lone.hpp"

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
bool take_from_user(Record& record, History& history, heap::ThreadHeap* heap, StackId here) {
  BlockState live = BlockState::kLive;
  if (!sys::exchange_if(record.state, live, BlockState::kLeaving)) return false;
  history.freed_by = thread_of(heap);
  history.freed_at = here;
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

// What keeping the block costs: what is remembered of it cannot be used for another one meanwhile, and it has a place in the ring.
size_t charge_of(const Home& home) {
  return home.capacity + sizeof(Record) + sizeof(History) + sizeof(char*);
}

void quarantine(heap::ThreadHeap* heap, ThreadPart* part, const Home& home) {
  for (;;) {
    const uint64_t slot = part == nullptr ? Quarantine::kNoSlot : state.quarantine.reserve(part->quarantine);
    if (slot == Quarantine::kNoSlot) {
      if (part != nullptr) ++part->unwatched;
      home.record->state.store(BlockState::kGone, std::memory_order_release);
      give_memory(heap, home);
      return;
    }
    fill_poison(home.memory, home.record->size, state.poison.word(slot));
    home.record->state.store(BlockState::kFreed, std::memory_order_release);
    if (state.quarantine.put(part->quarantine, slot, home.memory, charge_of(home))) break;
  }
  take_excess(heap);
}

// What a look at the canaries has found. Apart, as to clear a finding costs as much as the rest of a free.
[[gnu::noinline, gnu::cold]] void report_damage(const Home& home, StackId here) {
  Finding finding{};
  while (check_canaries(home, state.secret, &finding)) {
    finding.here = here;
    finding.freed_at = finding.freed_by = 0;
    report(finding);
  }
}

void release_cheap(heap::ThreadHeap* heap, ThreadPart* part, const Home& home, StackId here) {
  if (is_damaged(home, state.secret)) [[unlikely]]
    report_damage(home, here);
  // A mapping of its own, or a large block the guarded window had no room for: too large to be kept.
  if (home.span == nullptr || home.span->kind != heap::SpanKind::kSmall) {
    home.record->state.store(BlockState::kGone, std::memory_order_release);
    give_memory(heap, home);
    return;
  }
  quarantine(heap, part, home);
}

}  // namespace

namespace {

[[gnu::noinline, gnu::cold]] void report_written(const BlockInfo& block, uint64_t word) {
  const char* last = nullptr;
  const char* first = find_unpoisoned(block.user, block.size, word, &last);
  if (first == nullptr) return;
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

[[gnu::noinline, gnu::cold]] void report_damage_after_free(const Home& home) {
  Finding finding{};
  while (check_canaries(home, state.secret, &finding)) report(finding);
}

}  // namespace

void inspect_poison(const BlockInfo& block, uint64_t word) {
  if (!is_poisoned(block.user, block.size, word)) [[unlikely]]
    report_written(block, word);
}

// Only small blocks get into the quarantine.
void inspect_freed(const Home& home, uint64_t slot) {
  const size_t size = home.record->size;
  const uint64_t word = state.poison.word(slot);
  if (!is_poisoned(home.memory, size, word)) [[unlikely]]
    report_written(info_of(home), word);
  if (!is_whole(home, size, state.secret)) [[unlikely]]
    report_damage_after_free(home);
}

void touch_freed(uint64_t, char* memory, void*) {
  const Home home = small_home(memory);
  if (home.record != nullptr) touch(home);
}

namespace {

// A batch on its way out of the quarantine: found once, asked for, then looked at.
struct Leaving {
  heap::ThreadHeap* heap;
  uint64_t prepared;
  uint64_t visited;
  uint64_t bytes;
  Home homes[Quarantine::kBatch];
};

void prepare_leaving(uint64_t, char* memory, void* argument) {
  auto& leaving = *static_cast<Leaving*>(argument);
  Home& home = leaving.homes[leaving.prepared++ % Quarantine::kBatch];
  home = small_home(memory);
  if (home.record == nullptr) return;
  touch(home);
  touch_middle(home);
  sys::ask_for(home.history);  // soon written, by whom the memory is handed out to
  sys::ask_for(&home.span->states[home.record - notes_of(*home.span)->records]);
}

void take_out(uint64_t slot, char*, void* argument) {
  auto& leaving = *static_cast<Leaving*>(argument);
  const Home& home = leaving.homes[leaving.visited++ % Quarantine::kBatch];
  if (home.record == nullptr || home.record->state.load(std::memory_order_acquire) != BlockState::kFreed)
    return;
  inspect_freed(home, slot);
  leaving.bytes += charge_of(home);
  home.record->state.store(BlockState::kGone, std::memory_order_release);
  give_memory(leaving.heap, home);
}

}  // namespace

void take_excess(heap::ThreadHeap* heap) {
  if (!state.quarantine.is_over()) return;
  Leaving leaving;
  leaving.heap = heap;
  leaving.prepared = leaving.visited = leaving.bytes = 0;
  state.quarantine.take_excess(prepare_leaving, take_out, &leaving);
  state.quarantine.forget_bytes(leaving.bytes);
}

namespace {

[[gnu::noinline, gnu::cold]] void report_damage_in_page(const BlockInfo& block, StackId here) {
  Finding finding{};
  while (state.pages.check_canaries(block, &finding)) {
    finding.here = here;
    finding.freed_at = finding.freed_by = 0;
    report(finding);
  }
}

void release_in_page(ThreadPart* part, const BlockInfo& block, StackId here) {
  if (state.pages.is_damaged(block)) [[unlikely]]
    report_damage_in_page(block, here);
  fill_poison(block.user, block.size, state.pages.poison_word(block));
  block.record->state.store(BlockState::kFreed, std::memory_order_release);
  state.pages.give(part == nullptr ? nullptr : &part->pages, block);
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
  const Home home = small_home(block);
  if (home.record == nullptr) return;
  touch(home);
  sys::ask_for(home.history);
}

namespace {

// Of a block in a span of small ones, freed as it should be: nearly all. False: nothing has been done.
bool release_small(heap::ThreadHeap* heap, const Returned& returned) {
  const Home home = small_home(returned.block);
  if (home.memory != returned.block || home.record == nullptr) return false;
  Record& record = *home.record;
  const bool matches = record.family == returned.family && (!returned.sized || record.size == returned.size);
  if (!matches || !take_from_user(record, *home.history, heap, returned.stack)) return false;
  ThreadPart* part = enter(heap);
  if (!is_whole(home, record.size, state.secret)) [[unlikely]]
    report_damage(home, returned.stack);
  quarantine(heap, part, home);
  leave(part);
  return true;
}

Outcome release_any(heap::ThreadHeap* heap, const Returned& returned) {
  const StackId here = returned.stack;
  Place place;
  if (!locate(returned.block, place)) return Outcome::kForeign;
  const BlockInfo& info = place.info;
  if (info.record == nullptr || info.user != returned.block ||
      info.record->state.load(std::memory_order_acquire) != BlockState::kLive)
    return refuse(info, returned, here);
  check_match(info, returned, here);
  if (!take_from_user(*info.record, *info.history, heap, here)) return refuse(info, returned, here);
  ThreadPart* part = enter(heap);
  if (place.guarded != nullptr)
    release_guarded(*place.guarded, here);
  else if (place.home.record != nullptr)
    release_cheap(heap, part, place.home, here);
  else
    release_in_page(part, info, here);
  leave(part);
  return Outcome::kDone;
}

}  // namespace

Outcome release(heap::ThreadHeap* heap, const Returned& returned) {
  return release_small(heap, returned) ? Outcome::kDone : release_any(heap, returned);
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
