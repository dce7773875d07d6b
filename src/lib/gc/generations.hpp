// Collections that look at young objects only. What has survived one collection is old (mark bits are sticky: objects do not move,
// and grow old all at once); a young collection takes no old object for open, and reads of the old ones only those on pages that were
// written to since the last collection, as the kernel tells (sys/written_pages.hpp), and the outsiders.
//
// Invariant: while `watching`, every page with an old object that has pointers was watched when the last collection ended.
// What is old and dead stays until a collection of everything: when what is live has grown by half since the last one, when a young one
// has found little, or when asked.
// Locking: the collector's lock; all but wanted() while the world stands still.
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
  void begin_watching(bool was_young, uint64_t dead_bytes, uint64_t allocated_bytes);
  bool watching() const { return watching_; }
  // The child of a fork watches nothing yet.
  void after_fork();

 private:
  bool watch_old();

  sys::WrittenPages written_;
  bool watching_ = false;
  bool refused_ = false;  // by the kernel
  bool found_little_ = false;
  uint64_t live_at_full_ = 0;  // bytes, at the end of the last collection of everything
};

extern constinit Generations generations;

}  // namespace loam::collector
