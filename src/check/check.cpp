#include "check/check.hpp"

#include "check/state.hpp"
#include "heap/registry.hpp"
#include "heap/small_span.hpp"
#include "heap/walk.hpp"
#include "meta/arena.hpp"
#include "sys/filter.hpp"
#include "sys/kernel.hpp"

namespace loam::check {

constinit State state{};

namespace {

constexpr uint64_t kWindow = uint64_t{16} << 30;
// Of an address space with a limit these parts are reserved at most.
constexpr uint64_t kWindowPart = 8;
constexpr uint64_t kPoisonPart = 16;
constexpr uint64_t kGuardBudget = uint64_t{16} << 20;

uint64_t at_most(uint64_t wanted, uint64_t part) {
  const uint64_t limit = sys::address_space_limit();
  return limit == ~uint64_t{0} || limit / part > wanted ? wanted : limit / part;
}

uint64_t guard_budget(Tier tier) {
  if (tier != Tier::kFull) return kGuardBudget;
  return sys::physical_memory() / 8;  // beyond it a program of a quarter of the machine would not finish
}

}  // namespace

bool open(const Settings& settings, const Hooks& hooks) {
  state.settings = settings;
  state.hooks = hooks;
  state.secret = sys::random_bits();
  heap::front_room = kWord;
  state.guard_budget_bytes = guard_budget(settings.tier);
  state.sites.set(settings.guard_first, settings.guard_rate);
  if (!state.quarantine.open(settings.quarantine_bytes)) return false;
  const uint64_t slots = state.quarantine.slots();
  state.poison.open(slots, at_most(slots * Poison::kMostStride, kPoisonPart));
  state.guarded.open(at_most(kWindow, kWindowPart), settings.flip, state.secret);
  if (settings.page_window != 0)
    state.pages.open(at_most(settings.page_window, kWindowPart), state.secret, inspect_poison, report);
  return true;
}

ThreadPart* make_part(heap::ThreadHeap* heap) {
  if (heap == nullptr) return nullptr;
  heap->mode_state = meta::arena.allocate(sizeof(ThreadPart));
  return static_cast<ThreadPart*>(heap->mode_state);
}

stack::Memo** memo_of(heap::ThreadHeap* heap) {
  ThreadPart* part = part_of(heap);
  return part == nullptr ? nullptr : &part->memo;
}

void report(Finding& finding) {
  if (finding.thread == 0) finding.thread = sys::thread_id();
  state.hooks.report(finding);
}

BlockInfo find(const void* word) {
  if (state.guarded.covers(word)) {
    GuardedRecord* record = state.guarded.find(word);
    if (record == nullptr) return {};
    const BlockInfo info = state.guarded.info_of(*record);
    return word < info.memory + info.capacity ? info : BlockInfo{};
  }
  if (state.pages.covers(word)) return state.pages.find(word);
  const Home home = find_home(word);
  return is_known(home) ? info_of(home) : BlockInfo{};
}

size_t usable_size(const void* block) {
  const BlockInfo info = find(block);
  const bool live = info.record != nullptr && info.user == block &&
                    info.record->state.load(std::memory_order_acquire) == BlockState::kLive;
  return live ? info.size : 0;
}

namespace {

// Other threads may be freeing it: what counts is damage to a block that is the same before and after the look.
void sweep_block(const Home& home) {
  const uint32_t sequence = home.record->sequence;
  if (!is_damaged(home, state.secret)) return;
  if (home.record->state.load(std::memory_order_acquire) != BlockState::kLive ||
      home.record->sequence != sequence)
    return;
  Finding finding{};
  while (check_canaries(home, state.secret, &finding)) report(finding);
}

void sweep_span(heap::Span& span, void*) {
  if (span.notes == nullptr) return;
  const uint64_t blocks = span.kind == heap::SpanKind::kSmall ? span.blocks : 1;
  for (uint64_t i = 0; i < blocks; ++i) {
    const char* memory = blocks == 1 ? span.start : heap::block_at(span, i);
    const Home home = find_home(memory);
    if (is_known(home) && home.record->state.load(std::memory_order_acquire) == BlockState::kLive)
      sweep_block(home);
  }
}

void sweep_slot(uint64_t slot, char* memory, void*) {
  const Home home = find_home(memory);
  if (is_known(home)) inspect_freed(home, slot);
}

void sweep_guarded(GuardedRecord& record, void*) {
  Finding finding{};
  while (state.guarded.check_canaries(record, &finding)) report(finding);
}

void sweep_page(const BlockInfo& block, void*) {
  if (block.record->state.load(std::memory_order_acquire) == BlockState::kLive) {
    Finding finding{};
    while (state.pages.check_canaries(block, &finding)) report(finding);
  } else if (block.record->state.load(std::memory_order_acquire) == BlockState::kFreed) {
    inspect_poison(block, state.pages.poison_word(block));
  }
}

}  // namespace

void sweep() {
  state.pages.for_each(sweep_page, nullptr);
  state.quarantine.for_each(touch_freed, sweep_slot, nullptr);
  heap::for_each_span(sweep_span, nullptr);
  state.guarded.for_each_live(sweep_guarded, nullptr);
}

Figures figures() {
  Figures figures{};
  for (const heap::ThreadHeap* heap = heap::first_heap(); heap != nullptr; heap = heap->next_heap) {
    const auto* part = static_cast<const ThreadPart*>(heap->mode_state);
    if (part == nullptr) continue;
    figures.blocks += part->blocks;
    figures.unwatched += part->unwatched;
  }
  figures.guarded = state.guarded_blocks.load(std::memory_order_relaxed);
  figures.retired_pages = state.pages.retired_pages();
  figures.quarantined = state.quarantine.blocks();
  figures.quarantine_bytes = state.quarantine.bytes();
  figures.poison_bytes = state.poison.region_bytes();
  figures.window_bytes = state.guarded.window_bytes();
  return figures;
}

void change_thread(heap::ThreadHeap* heap) {
  auto* part = static_cast<ThreadPart*>(heap->mode_state);
  if (part != nullptr && part->memo != nullptr) part->memo->change_hands();
}

void forget_threads(const heap::ThreadHeap* mine) {
  state.is_child = true;
  state.forked_at = state.sequence.load(std::memory_order_relaxed);
  state.guarded.renew();
  state.pages.renew();
  for (heap::ThreadHeap* heap = heap::first_heap(); heap != nullptr; heap = heap->next_heap) {
    auto* part = static_cast<ThreadPart*>(heap->mode_state);
    if (part == nullptr) continue;
    part->next_sequence = part->end_sequence;
    if (heap == mine) continue;
    part->busy = false;
    part->memo = nullptr;
    part->quarantine = {};
    part->pages = {};
  }
}

void before_filter() {
  sys::filters_itself.store(true, std::memory_order_relaxed);
  state.guarded.use_guards();
  state.pages.use_guards();
}

sys::Lock& lock_at(unsigned index) {
  switch (index) {
    case 0:
      return state.quarantine.lock();
    case 1:
      return state.guarded.lock();
    default:
      return state.pages.lock();
  }
}

}  // namespace loam::check
