#include "check/pages.hpp"

#include <cstring>

#include "check/poison.hpp"
#include "sys/kernel.hpp"

namespace loam::check {

namespace {

constexpr uint64_t kLeastWindow = uint64_t{16} << 20;
// When all chunks hold live blocks: looking for one at each allocation would cost more than the tier.
constexpr uint32_t kWaits = 4096;
// Made accessible by one call, where no retired page is at hand.
constexpr size_t kPagesAtOnce = 8;
// Of 128 TiB of addresses.
constexpr uint64_t kMostPoison = uint64_t{4} << 40;
constexpr uint64_t kPlainPoison = 0xf5a5'a5a5'a5a5'a5a5u;

}  // namespace

bool Pages::open(uint64_t most_bytes, uint64_t secret, Visitor retiring, Reporter report) {
  retiring_ = retiring;
  report_ = report;
  for (uint64_t bytes = most_bytes; bytes >= kLeastWindow; bytes /= 2) {
    const uint64_t records = bytes / kUnit * sizeof(Record);
    const uint64_t histories = bytes / kUnit * sizeof(History);
    const uint64_t pages = bytes / kPage * sizeof(Page);
    start_ = static_cast<char*>(sys::map_unreserved(bytes));
    records_ = static_cast<Record*>(sys::map_unreserved(records));
    histories_ = static_cast<History*>(sys::map_unreserved(histories));
    pages_ = static_cast<Page*>(sys::map_unreserved(pages));
    if (start_ != nullptr && records_ != nullptr && histories_ != nullptr && pages_ != nullptr) {
      sys::advise_huge(start_, bytes, false);
      sys::advise_huge(records_, records, true);
      sys::advise_huge(histories_, histories, true);
      bytes_ = bytes;
      secret_ = secret;
      by_absence_.store(absent_.open(start_, bytes), std::memory_order_relaxed);
      reserve_poison();
      return true;
    }
    if (start_ != nullptr) sys::unmap(start_, bytes);
    if (records_ != nullptr) sys::unmap(records_, records);
    if (histories_ != nullptr) sys::unmap(histories_, histories);
    if (pages_ != nullptr) sys::unmap(pages_, pages);
  }
  return false;
}

// Without a limit on addresses only: it is reserved, never used.
void Pages::reserve_poison() {
  if (sys::address_space_limit() != ~uint64_t{0}) return;
  for (uint64_t stride = Poison::kMostStride; stride >= Poison::kLeastStride && poison_ == 0; stride /= 2) {
    stride_ = stride;
    if (bytes_ / kUnit * stride <= kMostPoison)
      poison_ = reinterpret_cast<uint64_t>(sys::map(bytes_ / kUnit * stride, true));
  }
}

bool Pages::is_spent(uint64_t chunk) const {
  const Page* page = &pages_[chunk * (kChunk / kPage)];
  for (uint64_t i = 0; i < kChunk / kPage; ++i) {
    if (!page[i].retired.load(std::memory_order_acquire)) return false;
  }
  return true;
}

bool Pages::next_chunk(PagePart& part) {
  if (lock_.held_by_me()) return false;
  sys::LockGuard guard(lock_);
  const uint64_t chunks = bytes_ / kChunk;
  uint64_t chunk = next_chunk_;
  const bool used = used_chunks_ == chunks;
  if (!used) {
    chunk = used_chunks_++;
  } else {
    // So many are looked at before the tier gives up for now.
    constexpr uint64_t kLooks = 16;
    uint64_t looks = 0;
    while (looks < kLooks && !is_spent(chunk)) {
      chunk = chunk + 1 < chunks ? chunk + 1 : 0;
      ++looks;
    }
    next_chunk_ = chunk + 1 < chunks ? chunk + 1 : 0;
    if (looks == kLooks) return false;
    const uint64_t units = kChunk / kUnit;
    memset(static_cast<void*>(&records_[chunk * units]), 0, units * sizeof(Record));
  }
  // Pages that are absent become accessible one after the other, as they are filled.
  const bool by_page = keeps_absent();
  if (!by_page && used && !sys::unguard(start_ + chunk * kChunk, kChunk)) return false;
  char* first = start_ + chunk * kChunk;
  for (uint64_t i = 0; i < kChunk / kPage; ++i) {
    page_of(first + i * kPage).live.store(1, std::memory_order_relaxed);
    page_of(first + i * kPage).retired.store(false, std::memory_order_relaxed);
  }
  // The first block of all has room for a front of its own.
  part = {first + kUnit, first + kPage, by_page ? first : first + kChunk, first + kChunk, 0};
  return true;
}

// The word in front of a block is the end of its neighbour's canary, if one ends there. Else it is written here, or was when the
// page before was filled.
void Pages::write_front(Record& record, char* user, const char* free_from) {
  const bool may_be_first = offset_of(user) % kPage <= kUnit;
  record.own_front = user != free_from || (may_be_first && find(user - 1).record == nullptr);
  if (record.own_front && !is_page_start(user)) write_canary(end_extent(user), canary_word(secret_, user));
}

// Has the page that the thread begins to fill made accessible.
bool Pages::make_ready(PagePart& part) {
  const auto left = static_cast<size_t>(part.chunk_end - part.ready_end);
  const size_t bytes = left < kPagesAtOnce * kPage ? left : kPagesAtOnce * kPage;
  if (absent_.place(part.ready_end, bytes)) {
    part.ready_end += bytes;
    return true;
  }
  if (keeps_absent()) {
    part.waits = kWaits;
    return false;
  }
  part.ready_end = part.chunk_end;
  return true;
}

Record* Pages::take(PagePart& part, size_t size, unsigned alignment_log, char** user) {
  const size_t alignment = size_t{1} << alignment_log;
  const size_t bytes = memory_for(size);
  if (bytes_ == 0 || bytes == 0 || bytes > kMostBytes || alignment > kMostBytes) return nullptr;
  const uint64_t step = alignment < kUnit ? kUnit : alignment;
  if (part.waits > 0) {
    --part.waits;
    return nullptr;
  }
  for (;;) {
    if (part.next == nullptr && !next_chunk(part)) {
      part.waits = kWaits;
      return nullptr;
    }
    auto* at = reinterpret_cast<char*>(base::align_up(reinterpret_cast<uint64_t>(part.next), step));
    if (at + bytes <= part.page_end) {
      if (part.page_end > part.ready_end && !make_ready(part)) return nullptr;
      Record& record = records_[offset_of(at) / kUnit];
      write_front(record, at, part.next);
      part.next = reinterpret_cast<char*>(base::align_up(reinterpret_cast<uint64_t>(at + bytes), kUnit));
      record.size = static_cast<uint16_t>(size);
      page_of(at).live.fetch_add(1, std::memory_order_relaxed);
      const BlockInfo info = {
          &record, &history_of(record), at, size, at, static_cast<size_t>(part.next - at)};
      write_canary(tail(info), canary_word(secret_, at));
      *user = at;
      return &record;
    }
    // What is left of the page is in front of the next one's first block.
    if (part.next < part.page_end)
      write_canary(end_extent(part.page_end), canary_word(secret_, part.page_end));
    char* done = part.page_end - kPage;
    part.next = part.page_end < part.chunk_end ? part.page_end : nullptr;
    part.page_end += kPage;
    release_page(&part, done);
  }
}

BlockInfo Pages::info_of(uint64_t unit) const {
  Record& record = records_[unit];
  char* user = start_ + unit * kUnit;
  return {&record, &history_of(record), user, record.size, user, base::align_up(record.size + kWord, kUnit)};
}

BlockInfo Pages::find(const void* address) const {
  const uint64_t offset = offset_of(address);
  if (offset >= bytes_) return {};
  const uint64_t first = offset / kPage * (kPage / kUnit);
  for (uint64_t unit = offset / kUnit + 1; unit-- > first;) {
    if (records_[unit].state.load(std::memory_order_acquire) == BlockState::kNone) continue;
    const BlockInfo info = info_of(unit);
    return static_cast<const char*>(address) < info.memory + info.capacity ? info : BlockInfo{};
  }
  return {};
}

void Pages::describe_damage(const BlockInfo& block, const char* first, const char* last, Kind kind,
                            Finding* finding) {
  finding->kind = kind;
  finding->evidence = Evidence::kCanary;
  finding->access = Access::kWrite;
  finding->address = reinterpret_cast<uint64_t>(first);
  finding->extent = static_cast<uint64_t>(last - first) + 1;
  describe(block, finding);
}

// The page faults from now on.
void Pages::retire(PagePart* part, char* page) {
  const bool room = part != nullptr && part->ready_end < part->chunk_end;
  if (keeps_absent() && room && absent_.move(page, part->ready_end)) {
    memset(part->ready_end, 0, kPage);
    part->ready_end += kPage;
  } else if (keeps_absent()) {
    absent_.remove(page, kPage);
  } else {
    sys::guard(page, kPage);
  }
}

void Pages::release_page(PagePart* part, char* page) {
  Page& record = page_of(page);
  if (record.live.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const uint64_t first = offset_of(page) / kUnit;
  for (uint64_t unit = first; unit < first + kPage / kUnit; ++unit) {
    if (records_[unit].state.load(std::memory_order_relaxed) != BlockState::kFreed) continue;
    const BlockInfo block = info_of(unit);
    retiring_(block, poison_word(block));
  }
  look_at_front_behind(page + kPage);
  retire(part, page);
  retired_.fetch_add(1, std::memory_order_relaxed);
  record.retired.store(true, std::memory_order_release);
}

void Pages::give(PagePart* part, const BlockInfo& block) {
  release_page(part, start_ + base::align_down(offset_of(block.user), kPage));
}

bool Pages::read_front(const BlockInfo& block, Finding* finding) const {
  const uint64_t word = canary_word(secret_, block.user);
  const char* last = nullptr;
  const char* first = find_damage(end_extent(block.user), word, &last);
  if (first == nullptr) [[likely]]
    return false;
  describe_damage(block, first, last, Kind::kUnderflow, finding);
  write_canary(end_extent(block.user), word);
  return true;
}

// Of a page's first block the front lies on the page before: it is looked at here, or when that page is retired.
bool Pages::check_front(const BlockInfo& block, Finding* finding) {
  if (!block.record->own_front) return false;
  if (!is_page_start(block.user)) return read_front(block, finding);
  char* before = block.user - kPage;
  if (!hold(page_of(before))) return false;
  const bool damaged = read_front(block, finding);
  release_page(nullptr, before);
  return damaged;
}

void Pages::look_at_front_behind(const char* page_end) {
  const uint64_t unit = offset_of(page_end) / kUnit;
  if (offset_of(page_end) == bytes_ || !records_[unit].own_front) return;
  if (!holds_memory(records_[unit].state.load(std::memory_order_acquire))) return;
  Finding finding{};
  if (read_front(info_of(unit), &finding)) report_(finding);
}

bool Pages::check_canaries(const BlockInfo& block, Finding* finding) {
  const uint64_t word = canary_word(secret_, block.user);
  const char* last = nullptr;
  const char* first = find_damage(tail(block), word, &last);
  if (first == nullptr) [[likely]]
    return check_front(block, finding);
  // The next block begins right behind: what does not begin at this one's end was done from there.
  const BlockInfo next = find(block.user + block.capacity);
  const bool from_next = last == block.user + block.capacity - 1 && first != block.user + block.size;
  if (from_next && next.record != nullptr && next.user == block.user + block.capacity)
    describe_damage(next, first, last, Kind::kUnderflow, finding);
  else
    describe_damage(block, first, last, Kind::kOverflow, finding);
  write_canary(tail(block), word);
  return true;
}

// What was written right in front of a page's first block, behind all blocks of the page before, which has been retired.
BlockInfo Pages::find_behind(const void* address) const {
  const uint64_t page = base::align_up(reinterpret_cast<uint64_t>(address) + 1, kPage);
  const auto* start = reinterpret_cast<const char*>(page);
  if (start - static_cast<const char*>(address) > static_cast<ptrdiff_t>(kWord)) return {};
  const BlockInfo before = find(address);
  if (before.record != nullptr && address < before.user + before.size) return {};
  const BlockInfo next = find(start);
  const bool live =
      next.record != nullptr && next.record->state.load(std::memory_order_acquire) == BlockState::kLive;
  return live && next.user == start ? next : BlockInfo{};
}

bool Pages::is_retired(const void* address) const {
  return covers(address) && page_of(address).retired.load(std::memory_order_acquire);
}

bool Pages::is_unfilled(const void* address) const {
  if (!covers(address) || !by_absence_.load(std::memory_order_relaxed) || is_retired(address)) return false;
  const uint64_t unit = offset_of(address) / kPage * (kPage / kUnit);
  for (uint64_t i = 0; i < kPage / kUnit; ++i) {
    if (records_[unit + i].state.load(std::memory_order_acquire) != BlockState::kNone) return false;
  }
  return true;
}

bool Pages::open_page(const void* address) {
  if (!covers(address)) return false;
  char* page = start_ + base::align_down(offset_of(address), kPage);
  return by_absence_.load(std::memory_order_relaxed) ? absent_.place(page, kPage) : sys::unguard(page, kPage);
}

BlockInfo Pages::find_before(const void* address) const {
  const uint64_t page = base::align_down(offset_of(address), kPage);
  if (!covers(address) || page % kChunk == 0 || page_of(address).live.load(std::memory_order_acquire) == 0)
    return {};
  const uint64_t units = page / kUnit;
  for (uint64_t unit = units; unit-- > units - kPage / kUnit;) {
    if (records_[unit].state.load(std::memory_order_acquire) != BlockState::kNone) return info_of(unit);
  }
  return {};
}

void Pages::renew() {
  absent_.renew();
  keeps_absent();
}

void Pages::use_guards() {
  absent_.end();
  keeps_absent();
}

// Whether pages fault by not being there. If they no longer do, those that have to fault are guarded, by whoever sees it first.
bool Pages::keeps_absent() {
  if (!by_absence_.load(std::memory_order_acquire)) return false;
  if (absent_.works()) return true;
  if (by_absence_.exchange(false, std::memory_order_acq_rel)) guard_what_faults();
  return false;
}

// Those of chunks that are being filled are left to who fills them.
void Pages::guard_what_faults() {
  for (uint64_t at = 0; at < used_chunks_ * kChunk; at += kPage) {
    if (pages_[at / kPage].retired.load(std::memory_order_acquire)) sys::guard(start_ + at, kPage);
  }
}

uint64_t Pages::poison_word(const BlockInfo& block) const {
  if (poison_ == 0) return kPlainPoison;
  return poison_ + offset_of(block.user) / kUnit * stride_ + stride_ / 2 + kPoisonByte;
}

BlockInfo Pages::find_poisoned(uint64_t address, int64_t* displacement) const {
  const uint64_t offset = address - poison_;
  if (poison_ == 0 || offset >= bytes_ / kUnit * stride_) return {};
  const BlockInfo info = find(start_ + offset / stride_ * kUnit);
  if (info.record == nullptr || info.record->state.load(std::memory_order_acquire) != BlockState::kFreed)
    return {};
  *displacement = static_cast<int64_t>(address - poison_word(info));
  return info;
}

// Keeps the page from being retired. Returns false if it is, or is about to be.
bool Pages::hold(Page& page) {
  uint32_t live = page.live.load(std::memory_order_acquire);
  while (live != 0 && !page.live.compare_exchange_weak(live, live + 1, std::memory_order_acq_rel)) {
  }
  return live != 0;
}

void Pages::for_each(void (*visit)(const BlockInfo& block, void* argument), void* argument) {
  for (uint64_t at = 0; at < used_chunks_ * kChunk; at += kPage) {
    if (!hold(pages_[at / kPage])) continue;
    for (uint64_t unit = at / kUnit; unit < (at + kPage) / kUnit; ++unit) {
      if (records_[unit].state.load(std::memory_order_acquire) != BlockState::kNone)
        visit(info_of(unit), argument);
    }
    release_page(nullptr, start_ + at);
  }
}

void Pages::survey(void (*visit)(const BlockInfo& block, void* argument), void* argument) const {
  for (uint64_t at = 0; at < used_chunks_ * kChunk; at += kPage) {
    if (pages_[at / kPage].live.load(std::memory_order_acquire) == 0) continue;
    for (uint64_t unit = at / kUnit; unit < (at + kPage) / kUnit; ++unit) {
      if (records_[unit].state.load(std::memory_order_acquire) != BlockState::kNone)
        visit(info_of(unit), argument);
    }
  }
}

}  // namespace loam::check
