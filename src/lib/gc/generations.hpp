// Collections that look at young objects only. What has survived one collection is old (mark bits are sticky: objects do not move,
// and grow old all at once); a young collection takes no old object for open, and reads of the old ones only those on pages that were
// written to since the last collection, as the kernel tells (sys/written_pages.hpp), and the outsiders.
//
// Invariant: while `watching`, every page with an old object that has pointers was watched when the last collection ended.
// What is old and dead stays until a collection of everything: when what is live has grown by half since the last one, when a young one
// has found little, or when asked. After one that found little they are all of everything, until one of those says that nearly all the young
// objects had died, or some have passed.
// Locking: the collector's lock; all but wanted() while the world stands still. read_written() belongs to whoever marks, and needs
// neither.
#pragma once

#include <cstdint>

#include "lib/gc/marker.hpp"
#include "sys/written_pages.hpp"

namespace loam::collector {

class Generations {
 public:
  // Whether it is enough to look at the young ones.
  bool wanted() const;
  // Reads the old objects that may lead to young ones. Returns false if they are not known: then everything must be marked.
  bool mark_old(Marker& marker);
  // At the end of a collection, its figures counted.
  void begin_watching(bool was_young, uint64_t dead_young_bytes, uint64_t allocated_bytes);

  // For marking while the program runs. Whether written pages can be told; opens what tells, if need be.
  bool able();
  // Reads what has been reached and is not open on all pages that were written to since they were last watched; with `watch_again`
  // what is written from now on counts for the next time. `progress` is told of the bytes of pages, and whether to go on. Returns how many
  // bytes, UINT64_MAX if that is not known.
  using Progress = bool (*)(uint64_t bytes);
  uint64_t read_written(Marker& marker, bool watch_again, Progress progress);
  // Makes huge pages again of those that writes have split, where nothing was written any longer since the last look, for about so long; `between` two
  // of them what else there is to do may be done. What is joined counts as written. All of the heap's pages are looked at.
  using Between = void (*)();
  void join_quiet(uint64_t nanoseconds, Between between);
  // At the end of a collection that was marked while the program ran: all pages are watched or count as written.
  void go_on_watching(bool was_young, uint64_t dead_young_bytes, uint64_t allocated_bytes);
  // A block that is mostly free is about to be filled: its pages are no longer watched, in one call instead of a fault for each.
  void will_be_written(uint32_t block);
  void stop_watching() { watching_ = false; }
  bool watching() const { return watching_; }
  // Whether collections of everything follow on each other.
  bool only_full() const { return found_little_ && full_ones_ != 0; }
  // The child of a fork watches nothing yet.
  void after_fork();

 private:
  bool watch_old();
  void note(bool was_young, uint64_t dead_young_bytes, uint64_t allocated_bytes);

  sys::WrittenPages written_;
  bool watching_ = false;
  bool refused_ = false;  // by the kernel
  bool found_little_ = false;
  unsigned full_ones_ = 0;     // collections of everything since the last of young objects
  uint64_t live_at_full_ = 0;  // bytes, at the end of the last collection of everything
};

// Reads the objects with pointers outside the heap, as far as they have been reached, while the world stands still.
void read_outsiders(Marker& marker);

extern constinit Generations generations;

}  // namespace loam::collector
