#include <cstring>

#include "check/small.hpp"
#include "check/state.hpp"
#include "heap/large.hpp"
#include "sys/kernel.hpp"

namespace loam::check {

namespace {

constexpr uint32_t kSequenceStep = 64;
constexpr uint64_t kRearmNs = 30'000'000'000;
// Chosen blocks: so many at any rate, and one in so many of all. Each costs about 4.5 us (docs/decisions/0005-check.md).
constexpr uint64_t kGuardsAtStart = 2048;
constexpr uint64_t kGuardsPart = 512;

[[gnu::noinline]] void draw_sequence(ThreadPart& part) {
  part.next_sequence = state.sequence.fetch_add(kSequenceStep, std::memory_order_relaxed);
  part.end_sequence = part.next_sequence + kSequenceStep;
  const uint64_t now = sys::coarse_ns();
  uint64_t due = state.next_rearm_ns.load(std::memory_order_relaxed);
  if (now > due && state.next_rearm_ns.compare_exchange_strong(due, now + kRearmNs) && due != 0)
    state.sites.rearm();
}

uint32_t next_sequence(ThreadPart* part) {
  if (part == nullptr) return 0;
  if (part->next_sequence == part->end_sequence) [[unlikely]]
    draw_sequence(*part);
  return part->next_sequence++;
}

void describe_birth(Record& record, History& history, heap::ThreadHeap* heap, ThreadPart* part,
                    const Wanted& wanted) {
  record.family = wanted.family;
  record.sequence = next_sequence(part);
  history = {wanted.stack, 0, thread_of(heap), 0};
}

bool is_within_budget() {
  if (state.guarded.live_bytes() > state.guard_budget_bytes) return false;
  if (state.settings.tier == Tier::kFull) return true;
  const uint64_t blocks = state.sequence.load(std::memory_order_relaxed);
  return state.guarded_blocks.load(std::memory_order_relaxed) < kGuardsAtStart + blocks / kGuardsPart;
}

struct Treatment {
  bool guarded;
  bool paged;
};

// As far as the site goes: what is chosen may find no room.
Treatment treatment_of(ThreadPart* part, StackId stack) {
  if (part == nullptr) return {false, false};
  if (state.settings.tier == Tier::kFull) return {is_within_budget(), true};
  const uint32_t count = state.sites.count(stack);
  return {state.sites.guards(count) && is_within_budget(),
          state.settings.tier == Tier::kThorough || Sites::pages(count)};
}

void* allocate_guarded(heap::ThreadHeap* heap, ThreadPart* part, const Wanted& wanted) {
  GuardedRecord* guarded = state.guarded.take(wanted.size, wanted.alignment_log);
  if (guarded == nullptr) return nullptr;
  describe_birth(guarded->record, guarded->history, heap, part, wanted);
  state.guarded_blocks.fetch_add(1, std::memory_order_relaxed);
  return guarded->user;
}

void* allocate_in_page(heap::ThreadHeap* heap, ThreadPart* part, const Wanted& wanted) {
  char* user = nullptr;
  Record* record = state.pages.take(part->pages, wanted.size, wanted.alignment_log, &user);
  if (record == nullptr) return nullptr;
  describe_birth(*record, state.pages.history_of(*record), heap, part, wanted);
  record->state.store(BlockState::kLive, std::memory_order_release);
  return user;
}

void* allocate_cheap(heap::ThreadHeap* heap, ThreadPart* part, const Wanted& wanted) {
  bool zero = false;
  const Home home = take_memory(heap, wanted.size, wanted.alignment_log, &zero);
  if (home.record == nullptr) return nullptr;
  describe_birth(*home.record, *home.history, heap, part, wanted);
  char* user = home.memory;
  if (home.span != nullptr && home.span->kind == heap::SpanKind::kSmall) [[likely]] {
    write_canaries_of(home, wanted.size, state.secret);
  } else {
    write_canaries(home, state.secret);
    user = user_of(home);
  }
  if (wanted.zeroed && !zero) memset(user, 0, wanted.size);
  home.record->state.store(BlockState::kLive, std::memory_order_release);
  return user;
}

}  // namespace

void* allocate(heap::ThreadHeap* heap, const Wanted& wanted) {
  if (wanted.size > PTRDIFF_MAX) return nullptr;
  ThreadPart* part = enter(heap);
  if (part != nullptr) ++part->blocks;
  // What is too large for the page tier gets pages of its own instead.
  const size_t most = state.settings.tier == Tier::kDefault ? heap::kMaxSmall : Pages::kMostBytes;
  const bool large = memory_for(wanted.size) > most;
  void* block = nullptr;
  const Treatment treatment = treatment_of(part, wanted.stack);
  if (large || treatment.guarded) block = allocate_guarded(heap, part, wanted);
  if (block == nullptr && treatment.paged) block = allocate_in_page(heap, part, wanted);
  if (block == nullptr) block = allocate_cheap(heap, part, wanted);
  leave(part);
  return block;
}

}  // namespace loam::check
