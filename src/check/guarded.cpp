#include "check/guarded.hpp"

#include <cstring>

#include "sys/kernel.hpp"

namespace loam::check {

namespace {

constexpr uint64_t kNoPage = ~uint64_t{0};
constexpr uint64_t kLeastWindow = uint64_t{64} << 20;
// Guarded at once: 20 ns a page instead of 600. One page of the kernel's tables covers as many.
constexpr uint64_t kChunk = 512;
// Of the kernel's smallest granule below which alignment follows the size.
constexpr size_t kGranule = 16;
constexpr uint64_t kOnePageRun = 2;  // with the page behind

size_t alignment_for(size_t size, unsigned alignment_log) {
  const size_t asked = size_t{1} << alignment_log;
  if (asked > kGranule || size >= kGranule || size == 0) return asked < kGranule ? kGranule : asked;
  // A smaller object has no member that needs more than its size's lowest bit; the guard is then exactly behind it.
  return size_t{1} << base::lowest_bit(size);
}

}  // namespace

bool Guarded::open(uint64_t most_bytes, bool flip, uint64_t secret) {
  for (uint64_t bytes = most_bytes; bytes >= kLeastWindow; bytes /= 2) {
    const uint64_t pages = bytes / kPage;
    start_ = static_cast<char*>(sys::map_unreserved(bytes));
    if (start_ == nullptr) continue;
    records_ = static_cast<GuardedRecord*>(sys::map_unreserved(pages * sizeof(GuardedRecord)));
    first_of_ = static_cast<uint32_t*>(sys::map_unreserved(pages * sizeof(uint32_t)));
    if (records_ != nullptr && first_of_ != nullptr) {
      sys::advise_huge(start_, bytes, false);
      pages_ = pages;
      flip_ = flip;
      secret_ = secret;
      // A page in front of the first run, as each other run has one: it belongs to nobody.
      by_absence_ = absent_.open(start_, bytes);
      if (!by_absence_) sys::guard(start_, kPage);
      records_[0].pages = 1;
      next_ = high_ = guarded_to_ = 1;
      return true;
    }
    sys::unmap(start_, bytes);
    if (records_ != nullptr) sys::unmap(records_, pages * sizeof(GuardedRecord));
    if (first_of_ != nullptr) sys::unmap(first_of_, pages * sizeof(uint32_t));
  }
  return false;
}

void Guarded::set_run(uint64_t first, uint64_t pages) {
  for (uint64_t i = 0; i < pages; ++i)
    __atomic_store_n(&first_of_[first + i], static_cast<uint32_t>(first + 1), __ATOMIC_RELEASE);
  records_[first].pages = static_cast<uint32_t>(pages);
}

// A run without a block.
void Guarded::retire_unused(GuardedRecord& run) {
  run.record.state.store(BlockState::kNone, std::memory_order_relaxed);
  run.user = address_of(static_cast<uint64_t>(&run - records_));
  run.size = 0;
  run.retired.store(true, std::memory_order_release);
}

// From runs whose blocks have been freed, going around: the one freed longest ago comes first, about.
uint64_t Guarded::claim_used(uint64_t pages) {
  uint64_t from = next_;
  uint64_t have = 0;
  for (uint64_t page = next_; page < high_;) {
    const GuardedRecord& run = records_[page];
    if (!run.retired.load(std::memory_order_acquire)) {
      have = 0;
      from = page + run.pages;
    } else {
      have += run.pages;
    }
    page += run.pages;
    if (have < pages) continue;
    if (have > pages) {
      GuardedRecord& rest = records_[from + pages];
      set_run(from + pages, have - pages);
      retire_unused(rest);
    }
    next_ = from + pages;
    return from;
  }
  return kNoPage;
}

uint64_t Guarded::claim(uint64_t pages) {
  if (high_ + pages <= pages_ && next_ == high_) {
    next_ = high_ += pages;
    return high_ - pages;
  }
  uint64_t found = claim_used(pages);
  if (found != kNoPage) return found;
  next_ = 0;
  found = claim_used(pages);
  if (found == kNoPage) next_ = 0;
  return found;
}

// Whether pages fault by not being there. If they no longer do, what has to fault is guarded first. Requires: the lock.
bool Guarded::keeps_absent() {
  if (by_absence_ && !absent_.works()) {
    by_absence_ = false;
    guard_what_faults();
  }
  return by_absence_;
}

// All pages of the run but the last become accessible, all else still faults.
bool Guarded::prepare(uint64_t first, uint64_t pages) {
  if (keeps_absent() && absent_.place(address_of(first), (pages - 1) * kPage)) return true;
  return !keeps_absent() && prepare_guarded(first, pages);
}

bool Guarded::prepare_guarded(uint64_t first, uint64_t pages) {
  const uint64_t last = first + pages - 1;
  if (last < guarded_to_) return sys::unguard(address_of(first), (pages - 1) * kPage);
  if (first < guarded_to_ && !sys::unguard(address_of(first), (guarded_to_ - first) * kPage)) return false;
  if (pages > kChunk) {
    guarded_to_ = last + 1;
    return sys::guard(address_of(last), kPage);
  }
  const uint64_t from = first < guarded_to_ ? guarded_to_ : first;
  uint64_t to = base::align_up(last + 1, kChunk);
  if (to > pages_) to = pages_;
  if (!sys::guard(address_of(from), (to - from) * kPage)) return false;
  guarded_to_ = to;
  return sys::unguard(address_of(from), (last - from) * kPage);
}

GuardedRecord& Guarded::next_waiting() {
  GuardedRecord& run = records_[waiting_];
  waiting_ = run.size;
  --waiting_count_;
  return run;
}

// A run of so many pages, all but its last accessible; null if there is none.
GuardedRecord* Guarded::accessible_run(uint64_t pages) {
  if (pages == kOnePageRun && waiting_ != 0) return &next_waiting();
  const uint64_t first = claim(pages);
  if (first == kNoPage) return nullptr;
  GuardedRecord& run = records_[first];
  run.retired.store(false, std::memory_order_relaxed);
  set_run(first, pages);
  if (prepare(first, pages)) return &run;
  retire_unused(run);
  return nullptr;
}

GuardedRecord* Guarded::take(size_t size, unsigned alignment_log) {
  if (pages_ == 0 || size > window_bytes() / 2 || lock_.held_by_me()) return nullptr;
  const size_t alignment = alignment_for(size, alignment_log);
  const uint64_t more = alignment > kPage ? alignment / kPage : 0;
  const uint64_t pages = base::divide_up(size == 0 ? 1 : size, kPage) + more + 1;
  sys::LockGuard guard(lock_);
  const bool is_used = pages == kOnePageRun && waiting_ != 0;
  GuardedRecord* run = accessible_run(pages);
  if (run == nullptr) return nullptr;
  char* const start = address_of(static_cast<uint64_t>(run - records_));
  char* const end = start + (pages - 1) * kPage;
  const auto at_end = reinterpret_cast<uint64_t>(end) - (size == 0 ? kGranule : size);
  const auto at_start = base::align_up(reinterpret_cast<uint64_t>(start), alignment);
  run->user = reinterpret_cast<char*>(flip_ ? at_start : base::align_down(at_end, alignment));
  run->size = size;
  if (is_used) memset(run->user, 0, size);
  const uint64_t word = canary_word(secret_, start);
  write_canary(front(*run), word);
  write_canary(tail(*run), word);
  run->record.state.store(BlockState::kLive, std::memory_order_release);
  live_pages_.fetch_add(pages - 1, std::memory_order_relaxed);
  return run;
}

// The run's page goes to the next run of its kind, which waits for its block. On false nothing has changed.
bool Guarded::keep_for_next(uint64_t first) {
  if (!keeps_absent() ||
      waiting_count_ > kLeastWaiting + live_pages_.load(std::memory_order_relaxed) / kWaitingPart)
    return false;
  const uint64_t next = claim(kOnePageRun);
  if (next == kNoPage) return false;
  set_run(next, kOnePageRun);
  GuardedRecord& run = records_[next];
  retire_unused(run);
  if (!absent_.move(address_of(first), address_of(next))) return false;
  run.retired.store(false, std::memory_order_relaxed);
  run.size = waiting_;
  waiting_ = next;
  ++waiting_count_;
  return true;
}

// The run's pages fault from now on.
void Guarded::take_away(uint64_t first, uint64_t pages) {
  if (pages == kOnePageRun && keep_for_next(first)) return;
  if (keeps_absent())
    absent_.remove(address_of(first), (pages - 1) * kPage);
  else
    sys::guard(address_of(first), (pages - 1) * kPage);
}

void Guarded::give(GuardedRecord& record) {
  live_pages_.fetch_sub(record.pages - 1, std::memory_order_relaxed);
  const auto first = static_cast<uint64_t>(&record - records_);
  if (lock_.held_by_me())
    return;  // in a signal handler that interrupted take(): the pages stay as they are, for good
  sys::LockGuard guard(lock_);
  take_away(first, record.pages);
  record.retired.store(true, std::memory_order_release);
}

void Guarded::guard_pages(uint64_t from, uint64_t to) {
  if (from < to) sys::guard(address_of(from), (to - from) * kPage);
}

// Of the pages that were ever in a run. Requires: the lock.
void Guarded::guard_what_faults() {
  uint64_t from = 0;
  for (uint64_t page = 0; page < high_ && records_[page].pages != 0; page += records_[page].pages) {
    GuardedRecord& run = records_[page];
    const BlockState state = run.record.state.load(std::memory_order_acquire);
    if (state != BlockState::kLive && state != BlockState::kLeaving) continue;
    guard_pages(from, page);
    from = page + run.pages - 1;
  }
  guard_pages(from, high_);
  guarded_to_ = high_;
  while (waiting_ != 0) retire_unused(next_waiting());
}

void Guarded::renew() {
  absent_.renew();
  keeps_absent();
}

void Guarded::use_guards() {
  if (lock_.held_by_me()) return;
  sys::LockGuard guard(lock_);
  absent_.end();
  keeps_absent();
}

GuardedRecord* Guarded::find(const void* address) const {
  const uint64_t page = page_of(address);
  if (page >= pages_) return nullptr;
  const uint32_t first = __atomic_load_n(&first_of_[page], __ATOMIC_ACQUIRE);
  return first == 0 ? nullptr : &records_[first - 1];
}

GuardedRecord* Guarded::starting_at(const char* page) const {
  GuardedRecord* run = find(page);
  return run != nullptr && address_of(static_cast<uint64_t>(run - records_)) == page ? run : nullptr;
}

bool Guarded::faults(const char* address) const {
  GuardedRecord* run = find(address);
  if (run == nullptr) return false;
  const BlockInfo block = info_of(*run);
  return block.record->state.load(std::memory_order_acquire) != BlockState::kLive ||
         address >= block.memory + block.capacity;
}

BlockInfo Guarded::info_of(GuardedRecord& record) const {
  char* start = address_of(static_cast<uint64_t>(&record - records_));
  return {&record.record, &record.history, record.user, record.size, start, (record.pages - 1) * kPage};
}

Extent Guarded::front(const GuardedRecord& record) const {
  return front_extent(address_of(static_cast<uint64_t>(&record - records_)), record.user);
}

Extent Guarded::tail(const GuardedRecord& record) const {
  const char* end = address_of(static_cast<uint64_t>(&record - records_)) + (record.pages - 1) * kPage;
  return tail_extent(record.user, record.size, end);
}

bool Guarded::check_canaries(GuardedRecord& record, Finding* finding) const {
  const BlockInfo info = info_of(record);
  const uint64_t word = canary_word(secret_, info.memory);
  for (const bool behind : {true, false}) {
    const Extent extent = behind ? tail(record) : front(record);
    const char* last = nullptr;
    const char* first = find_damage(extent, word, &last);
    if (first == nullptr) continue;
    finding->kind = behind ? Kind::kOverflow : Kind::kUnderflow;
    finding->evidence = Evidence::kCanary;
    finding->access = Access::kWrite;
    finding->address = reinterpret_cast<uint64_t>(first);
    finding->extent = static_cast<uint64_t>(last - first) + 1;
    describe(info, finding);
    write_canary(extent, word);
    return true;
  }
  return false;
}

bool Guarded::open_page(const void* address) {
  const uint64_t page = page_of(address);
  if (page >= pages_) return false;
  return by_absence_ ? absent_.place(address_of(page), kPage) : sys::unguard(address_of(page), kPage);
}

void Guarded::for_each_live(void (*visit)(GuardedRecord& record, void* argument), void* argument) {
  if (lock_.held_by_me()) return;
  sys::LockGuard guard(lock_);
  for (uint64_t page = 0; page < high_; page += records_[page].pages) {
    GuardedRecord& run = records_[page];
    if (run.pages == 0) return;
    if (run.record.state.load(std::memory_order_acquire) == BlockState::kLive) visit(run, argument);
  }
}

void Guarded::survey(void (*visit)(const BlockInfo& block, void* argument), void* argument) const {
  for (uint64_t page = 0; page < high_ && records_[page].pages != 0; page += records_[page].pages)
    visit(info_of(records_[page]), argument);
}

}  // namespace loam::check
