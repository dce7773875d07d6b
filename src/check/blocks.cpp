#include "check/blocks.hpp"

#include "check/small.hpp"
#include "heap/large.hpp"
#include "heap/outside.hpp"
#include "heap/refill.hpp"
#include "heap/remote.hpp"
#include "meta/arena.hpp"

namespace loam::check {

namespace {

using heap::Span;
using heap::SpanKind;

// In front of a block with a mapping of its own: what is remembered of it, and then the canary.
struct Header : LoneRecord {
  uint64_t size;
  unsigned alignment_log;  // of the room that the header takes
};
constexpr unsigned kHeaderLog = 7;
static_assert(sizeof(Header) <= size_t{1} << kHeaderLog);

// Null: out of memory.
SpanNotes* make_notes(Span& span) {
  void* notes = nullptr;
  void* fresh = meta::arena.allocate(histories_at(span.blocks) + span.blocks * sizeof(History));
  if (fresh == nullptr) return nullptr;
  // A block may be taken by another thread than the span's owner: the loser's array is lost, once a span.
  if (!__atomic_compare_exchange_n(&span.notes, &notes, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    return static_cast<SpanNotes*>(notes);
  return static_cast<SpanNotes*>(fresh);
}

// Lets the span's notes tell of its addresses. A signal handler, or another thread, may be doing the same, and have blocks already:
// theirs are live, or in the quarantine. Returns false when out of memory.
bool renew_notes(Span& span) {
  SpanNotes* notes = notes_of(span);
  if (notes == nullptr) notes = make_notes(span);
  if (notes == nullptr) return false;
  char* const start = sys::peek(span.start);
  if (notes->start.load(std::memory_order_relaxed) == start) return true;
  for (uint64_t i = 0; i < span.blocks; ++i) {
    BlockState gone = BlockState::kGone;
    notes->records[i].state.compare_exchange_strong(gone, BlockState::kNone, std::memory_order_relaxed);
  }
  notes->start.store(start, std::memory_order_release);
  return true;
}

Home home_in(Span& span, const void* word) {
  if (sys::peek(span.kind) != SpanKind::kLarge) return small_home(word);
  SpanNotes* notes = notes_of(span);
  if (notes == nullptr) return {};
  char* memory = heap::large_block(span);
  const uint64_t bytes = span.large_bytes.load(std::memory_order_relaxed);
  const auto offset = static_cast<uint64_t>(static_cast<const char*>(word) - memory);
  return offset < bytes ? Home{notes->records, history_in(*notes, 1, 0), &span, memory, bytes} : Home{};
}

bool is_small(const Home& home) { return home.span != nullptr && home.span->kind == SpanKind::kSmall; }

Home home_outside(const void* word) {
  heap::OutsideBlock outside;
  if (heap::outside_bytes() == 0 || !heap::find_outside(word, &outside)) return {};
  return home_of(outside);
}

void set_size(const Home& home, size_t size) {
  home.record->size = static_cast<uint16_t>(size);
  if (home.span == nullptr)
    reinterpret_cast<Header*>(home.memory)->size = size;
  else if (home.span->kind == SpanKind::kLarge)
    home.span->large_requested.store(size, std::memory_order_relaxed);
}

char* take_aligned(heap::ThreadHeap* heap, size_t bytes, unsigned alignment_log, bool* zero) {
  const size_t alignment = size_t{1} << alignment_log;
  if (alignment <= meta::kSlice && bytes <= heap::kMaxSmall && heap != nullptr) {
    if (alignment <= heap::kGranule)
      return static_cast<char*>(heap::allocate_small(*heap, heap::class_of(bytes), zero));
    // Blocks end where their span ends, so that those of a class whose size is a multiple have the alignment.
    const size_t rounded = base::align_up(bytes, alignment);
    for (size_t size = rounded; size <= heap::kMaxSmall && size <= 2 * rounded; size += alignment) {
      const unsigned index = heap::class_of(size);
      if (heap::kSizeClasses[index].size % alignment == 0)
        return static_cast<char*>(heap::allocate_small(*heap, index, zero));
    }
  }
  return static_cast<char*>(
      heap::allocate_large(bytes, alignment < meta::kSlice ? meta::kSlice : alignment, zero));
}

}  // namespace

Home find_home(const void* word) {
  Span* span = heap::page_map.find(word);
  return span == nullptr ? home_outside(word) : home_in(*span, word);
}

// A mapping of its own has its header in front.
char* user_of(const Home& home) {
  if (home.span != nullptr) return home.memory;
  return home.memory + (size_t{1} << reinterpret_cast<const Header*>(home.memory)->alignment_log);
}

size_t size_of(const Home& home) {
  if (home.span == nullptr) return reinterpret_cast<const Header*>(home.memory)->size;
  return home.span->kind == SpanKind::kLarge ? home.span->large_requested.load(std::memory_order_relaxed)
                                             : home.record->size;
}

BlockInfo info_of(const Home& home) {
  return {home.record, home.history, user_of(home), size_of(home), home.memory, home.capacity};
}

namespace {

// The home of memory just taken, its record made if there is none. record null: out of memory.
Home settle(heap::ThreadHeap* heap, char* memory, size_t size, unsigned alignment_log) {
  Span* span = heap::page_map.find(memory);
  Home home{};
  if (span == nullptr) {
    home = home_outside(memory);
    if (home.record != nullptr)
      reinterpret_cast<Header*>(memory)->alignment_log =
          alignment_log < kHeaderLog ? kHeaderLog : alignment_log;
  } else if (renew_notes(*span)) {
    home = home_in(*span, memory);
  }
  if (home.record == nullptr) {
    home.span = span;
    home.memory = memory;
    give_memory(heap, home);
    return {};
  }
  set_size(home, size);
  return home;
}

}  // namespace

Home take_memory(heap::ThreadHeap* heap, size_t size, unsigned alignment_log, bool* zero) {
  size_t bytes = memory_for(size);
  if (bytes == 0 || bytes > PTRDIFF_MAX) return {};
  if (bytes > heap::kMaxSmall)
    bytes += size_t{1} << (alignment_log < kHeaderLog ? kHeaderLog : alignment_log);
  char* memory = take_aligned(heap, bytes, alignment_log, zero);
  if (memory == nullptr) return {};
  const Home home = small_home(memory);
  if (home.record == nullptr || !is_noted(*home.span)) return settle(heap, memory, size, alignment_log);
  home.record->size = static_cast<uint16_t>(size);
  return home;
}

void give_memory(heap::ThreadHeap* heap, const Home& home) {
  if (home.span == nullptr) {
    heap::release_outside(home.memory);
  } else if (home.span->kind == SpanKind::kLarge) {
    heap::release_large(*home.span, home.memory);
  } else if (heap != nullptr && !heap::is_busy(*heap)) {
    heap::take(*heap, *home.span, home.memory);
  } else {
    heap::send_stray(*home.span, home.memory);
  }
}

void write_canaries(const Home& home, uint64_t secret) {
  if (is_small(home)) return write_canaries_of(home, size_of(home), secret);
  const uint64_t word = canary_word(secret, home.memory);
  char* end = home.memory + home.capacity;
  const Extent tail = tail_extent(user_of(home), size_of(home), end);
  write_canary(tail, word);
  if (tail.start + tail.bytes != end) write_canary(end_extent(end), word);
}

void describe(const BlockInfo& block, Finding* finding) {
  const History& history = *block.history;
  finding->block = reinterpret_cast<uint64_t>(block.user);
  finding->size = block.size;
  finding->offset = static_cast<int64_t>(finding->address - finding->block);
  finding->allocated_as = block.record->family;
  finding->allocated_by = history.thread;
  finding->allocated_at = history.allocated_at;
  const BlockState state = block.record->state.load(std::memory_order_acquire);
  const bool freed = state != BlockState::kLive && state != BlockState::kNone;
  finding->freed_by = freed ? history.freed_by : 0;
  finding->freed_at = freed ? history.freed_at : 0;
}

namespace {

// The damaged bytes behind the block: those right behind it, else those at the very end.
struct Damage {
  const char* first;  // null: none
  const char* last;
};

Damage find_behind(const Home& home, uint64_t word) {
  char* end = home.memory + home.capacity;
  const char* last = nullptr;
  const char* first = find_damage(tail_extent(user_of(home), size_of(home), end), word, &last);
  if (first == nullptr) first = find_damage(end_extent(end), word, &last);
  return {first, last};
}

Home next_to(const char* address) {
  const Home home = find_home(address);
  return is_known(home) && holds_memory(home.record->state.load(std::memory_order_acquire)) ? home : Home{};
}

void describe_damage(const Home& home, const Damage& damage, Kind kind, Finding* finding) {
  finding->kind = kind;
  finding->evidence = Evidence::kCanary;
  finding->access = Access::kWrite;
  finding->address = reinterpret_cast<uint64_t>(damage.first);
  finding->extent = static_cast<uint64_t>(damage.last - damage.first) + 1;
  describe(info_of(home), finding);
}

bool check_behind(const Home& home, uint64_t secret, Finding* finding) {
  const Damage damage = find_behind(home, canary_word(secret, home.memory));
  if (damage.first == nullptr) [[likely]]
    return false;
  const char* end = home.memory + home.capacity;
  const bool reaches_next = damage.last == end - 1 && damage.first != user_of(home) + size_of(home);
  const Home next = reaches_next ? next_to(end) : Home{};
  if (next.record != nullptr && user_of(next) == end)
    describe_damage(next, damage, Kind::kUnderflow, finding);
  else
    describe_damage(home, damage, Kind::kOverflow, finding);
  write_canaries(home, secret);
  return true;
}

}  // namespace

bool is_damaged(const Home& home, uint64_t secret) {
  if (is_small(home)) return !is_whole(home, size_of(home), secret);
  return find_behind(home, canary_word(secret, home.memory)).first != nullptr;
}

bool check_canaries(const Home& home, uint64_t secret, Finding* finding) {
  if (check_behind(home, secret, finding)) return true;
  if (!is_small(home) || !has_front(home)) return false;
  const uint64_t word = front_word(home, secret);
  const char* last = nullptr;
  const char* first = find_damage(end_extent(home.memory), word, &last);
  if (first == nullptr) [[likely]]
    return false;
  const Home neighbour = next_to(home.memory - 1);
  if (neighbour.record != nullptr && check_behind(neighbour, secret, finding)) return true;
  describe_damage(home, {first, last}, Kind::kUnderflow, finding);
  write_canary(end_extent(home.memory), word);
  return true;
}

}  // namespace loam::check
