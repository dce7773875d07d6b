// The guarded window: blocks that stand alone on their pages, against a page that faults at any access. On free all their
// pages fault: a later access is a use after free with an exact owner. Addresses are used again only when the whole
// window has been gone through.
//
// Where the kernel has it (sys/absent_pages.hpp), pages fault because they are not there, and the page of a freed block goes at once to
// a run that waits for the next block: a pair of malloc and free costs one call of the kernel. Elsewhere pages are guarded: three
// calls and a fault.
//
// Invariants: a run is the block's pages and one page behind them that faults; pages that belong to no live block, and to no run that
// waits for one, fault. The record of a run lies in a table beside the window, under the run's first page, and lasts until the run
// is used again.
// Locking: one lock for taking and giving back; find() takes none.
#pragma once

#include <atomic>

#include "check/blocks.hpp"
#include "sys/absent_pages.hpp"
#include "sys/lock.hpp"

namespace loam::check {

struct alignas(64) GuardedRecord : LoneRecord {
  char* user;
  uint64_t size;
  uint32_t pages;             // of the run, the guarded one behind included
  std::atomic<bool> retired;  // freed, and all of its pages guarded: they may be had again
};

class Guarded {
 public:
  // Reserves a window of at most `most_bytes`. Returns whether there is one.
  bool open(uint64_t most_bytes, bool flip, uint64_t secret);

  // Null if there is no room. The block's bytes are zero; the record's state, family, thread and stacks are the caller's to write.
  GuardedRecord* take(size_t size, unsigned alignment_log);
  // Requires: the caller has taken the record's state from kLive.
  void give(GuardedRecord& record);

  // The block whose pages, or the guarded page behind them, the address lies in; null: none.
  GuardedRecord* find(const void* address) const;
  // The run that begins at this page.
  GuardedRecord* starting_at(const char* page) const;
  const char* page_behind(const void* address) const { return start_ + (page_of(address) + 1) * kPage; }
  bool covers(const void* address) const { return page_of(address) < pages_; }

  // Whether the address lies in a run, on a page without access.
  bool faults(const char* address) const;

  BlockInfo info_of(GuardedRecord& record) const;
  bool check_canaries(GuardedRecord& record, Finding* finding) const;
  // Makes the page of a guarded address accessible, for a program that is to go on after a bad access.
  bool open_page(const void* address);

  // In a forked child, before anything else runs, the lock being the child's.
  void renew();
  // From now on pages are guarded: the process is about to have its system calls filtered.
  void use_guards();

  // Under the lock: none of them is given back meanwhile.
  void for_each_live(void (*visit)(GuardedRecord& record, void* argument), void* argument);

  uint64_t live_bytes() const { return live_pages_.load(std::memory_order_relaxed) * kPage; }
  uint64_t window_bytes() const { return pages_ * kPage; }
  // Visits all runs, while nothing changes.
  void survey(void (*visit)(const BlockInfo& block, void* argument), void* argument) const;
  const void* start() const { return start_; }
  const void* records() const { return records_; }
  uint64_t record_bytes() const { return pages_ * sizeof(GuardedRecord); }
  const void* table() const { return first_of_; }
  uint64_t table_bytes() const { return pages_ * sizeof(uint32_t); }
  sys::Lock& lock() { return lock_; }

  static constexpr size_t kPage = 4096;

 private:
  uint64_t page_of(const void* address) const {
    return static_cast<uint64_t>(static_cast<const char*>(address) - start_) / kPage;
  }
  char* address_of(uint64_t page) const { return start_ + page * kPage; }
  uint64_t claim(uint64_t pages);
  uint64_t claim_used(uint64_t pages);
  void retire_unused(GuardedRecord& run);
  void set_run(uint64_t first, uint64_t pages);
  bool keeps_absent();
  bool prepare(uint64_t first, uint64_t pages);
  bool prepare_guarded(uint64_t first, uint64_t pages);
  void take_away(uint64_t first, uint64_t pages);
  bool keep_for_next(uint64_t first);
  GuardedRecord* accessible_run(uint64_t pages);
  GuardedRecord& next_waiting();
  void guard_what_faults();
  void guard_pages(uint64_t from, uint64_t to);
  Extent front(const GuardedRecord& record) const;
  Extent tail(const GuardedRecord& record) const;

  char* start_ = nullptr;
  uint64_t pages_ = 0;
  GuardedRecord* records_ = nullptr;
  uint32_t* first_of_ = nullptr;  // per page: 1 + the first page of its run, 0 where none was yet
  bool flip_ = false;
  uint64_t secret_ = 0;
  uint64_t next_ = 0;        // page where the next run is looked for
  uint64_t high_ = 0;        // pages from here on were never in a run
  uint64_t guarded_to_ = 0;  // pages from here on were never guarded
  sys::AbsentPages absent_;
  bool by_absence_ = false;  // pages fault because they are absent, else because they are guarded
  // Runs of one page that have it already, the newest first: a waiting run's size is the number of the next. Whoever frees most of
  // what it has gives the memory back.
  static constexpr uint64_t kLeastWaiting = 256;
  static constexpr uint64_t kWaitingPart = 4;  // of what lives
  uint64_t waiting_ = 0;                       // 0: none
  uint64_t waiting_count_ = 0;
  std::atomic<uint64_t> live_pages_{0};
  sys::RankedLock<sys::LockRank::kWindow> lock_;
};

}  // namespace loam::check
