// The page tier: small blocks laid one behind the other into fresh pages that only their thread fills. When all blocks of a page
// have been freed the page is retired: it faults from then on, so that any later access is a use after free with an exact owner.
// Addresses are not used again until the whole window has been gone through, a chunk at a time.
//
// Where the kernel has it (sys/absent_pages.hpp), a retired page's memory goes at once to the next page of the chunk that its thread
// fills; elsewhere the page is guarded, which gives the memory back.
//
// Invariants: a block lies within one page and starts on a unit; its record has the unit's number. `live` of a page counts
// its live blocks, and one more while a thread still fills it; who takes it to zero retires the page. A chunk whose pages
// are all retired may be filled again.
// Locking: a thread fills its own chunk; the lock is for the next one.
#pragma once

#include <atomic>

#include "check/blocks.hpp"
#include "sys/absent_pages.hpp"
#include "sys/lock.hpp"
#include "sys/prefetch.hpp"

namespace loam::check {

// The chunk that a thread fills.
struct PagePart {
  char* next;  // null: none
  char* page_end;
  char* ready_end;  // pages of the chunk before it are accessible
  char* chunk_end;
  uint32_t waits;  // blocks that are served elsewhere before a chunk is looked for again
};

class Pages {
 public:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kUnit = 64;
  static constexpr size_t kChunk = size_t{256} << 10;
  static constexpr size_t kMostBytes =
      kPage / 2;  // of a block with its canary; larger ones have pages of their own

  // Called with each freed block of a page that is about to be retired, and the word that it was filled with.
  using Visitor = void (*)(const BlockInfo& block, uint64_t word);
  // Called with damage that is seen when a page is retired.
  using Reporter = void (*)(Finding& finding);
  bool open(uint64_t most_bytes, uint64_t secret, Visitor retiring, Reporter report);

  // Null if there is no room, or the block is too large for it. The bytes are zero.
  Record* take(PagePart& part, size_t size, unsigned alignment_log, char** user);
  History& history_of(const Record& record) const { return histories_[&record - records_]; }
  // Requires: the caller has taken the block from its user, and poisoned it. `part` is the thread's own, or null.
  void give(PagePart* part, const BlockInfo& block);

  bool covers(const void* address) const { return offset_of(address) < bytes_; }
  // Asks for the lines that freeing a block will need.
  void touch(const void* block) const {
    sys::ask_for(&records_[offset_of(block) / kUnit]);
    sys::ask_for(&histories_[offset_of(block) / kUnit]);
    sys::ask_for(&page_of(block));
    sys::ask_for(block);
  }
  // The block whose memory the address lies in, whether its page is retired or not.
  BlockInfo find(const void* address) const;
  bool check_canaries(const BlockInfo& block, Finding* finding);
  // Whether check_canaries() must be called: says so for each block whose front is on another page.
  bool is_damaged(const BlockInfo& block) const {
    if (!is_intact(tail(block), canary_word(secret_, block.user))) return true;
    if (!block.record->own_front) return false;
    return is_page_start(block.user) || !is_intact(end_extent(block.user), canary_word(secret_, block.user));
  }
  bool is_retired(const void* address) const;
  // On a page of a chunk in use that no block lies on yet, and that is not there.
  bool is_unfilled(const void* address) const;
  // The live block that a bad access to a retired page may have missed by a few bytes; none if it did not.
  BlockInfo find_behind(const void* address) const;
  bool open_page(const void* address);
  // The block whose end a bad access went past, onto a page of the same chunk that nobody has filled yet; none if it did not.
  BlockInfo find_before(const void* address) const;

  // In a forked child, before anything else runs.
  void renew();
  // From now on pages are guarded: the process is about to have its system calls filtered.
  void use_guards();

  // What a freed block is filled with: an address in a reserved region, a stretch for each unit.
  uint64_t poison_word(const BlockInfo& block) const;
  // The block that an address in that region speaks of.
  BlockInfo find_poisoned(uint64_t address, int64_t* displacement) const;

  // Visits all that lie in pages not retired, which stay so meanwhile.
  void for_each(void (*visit)(const BlockInfo& block, void* argument), void* argument);

  uint64_t retired_pages() const { return retired_.load(std::memory_order_relaxed); }
  uint64_t window_bytes() const { return bytes_; }
  // Visits the blocks of all pages that have live ones, while nothing changes.
  void survey(void (*visit)(const BlockInfo& block, void* argument), void* argument) const;
  const void* start() const { return start_; }
  const void* records() const { return records_; }
  uint64_t record_bytes() const { return bytes_ / kUnit * sizeof(Record); }
  const void* histories() const { return histories_; }
  uint64_t history_bytes() const { return bytes_ / kUnit * sizeof(History); }
  const void* table() const { return pages_; }
  uint64_t table_bytes() const { return bytes_ / kPage * sizeof(Page); }
  sys::Lock& lock() { return lock_; }

 private:
  struct Page {
    std::atomic<uint32_t> live;
    std::atomic<bool> retired;
  };
  uint64_t offset_of(const void* address) const {
    return static_cast<uint64_t>(static_cast<const char*>(address) - start_);
  }
  Page& page_of(const void* address) const { return pages_[offset_of(address) / kPage]; }
  BlockInfo info_of(uint64_t unit) const;
  void reserve_poison();
  bool next_chunk(PagePart& part);
  bool is_spent(uint64_t chunk) const;
  static bool hold(Page& page);
  void release_page(PagePart* part, char* page);
  void retire(PagePart* part, char* page);
  bool keeps_absent();
  bool make_ready(PagePart& part);
  void guard_what_faults();
  static Extent tail(const BlockInfo& block) {
    return {block.user + block.size, block.capacity - block.size};
  }
  bool is_page_start(const char* user) const { return offset_of(user) % kPage == 0; }
  void write_front(Record& record, char* user, const char* free_from);
  bool read_front(const BlockInfo& block, Finding* finding) const;
  void look_at_front_behind(const char* page_end);
  bool check_front(const BlockInfo& block, Finding* finding);
  static void describe_damage(const BlockInfo& block, const char* first, const char* last, Kind kind,
                              Finding* finding);

  char* start_ = nullptr;
  uint64_t bytes_ = 0;
  Record* records_ = nullptr;  // one a unit
  History* histories_ = nullptr;
  Page* pages_ = nullptr;
  uint64_t poison_ = 0;  // start of the region; 0: none
  uint64_t stride_ = 0;  // of a unit in it
  uint64_t secret_ = 0;
  Visitor retiring_ = nullptr;
  Reporter report_ = nullptr;
  uint64_t next_chunk_ = 0;
  uint64_t used_chunks_ = 0;
  std::atomic<uint64_t> retired_{0};
  sys::AbsentPages absent_;
  std::atomic<bool> by_absence_{false};  // pages fault because they are absent, else because they are guarded
  sys::RankedLock<sys::LockRank::kWindow> lock_;
};

}  // namespace loam::check
