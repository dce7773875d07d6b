// References that the program makes strong or weak as it likes: of each object here it is asked at every collection whether it is to be held,
// let go when nothing else leads to it, or forgotten.
// Locking: the collector's lock; the function is called while the world stands still.
#pragma once

#include <cstdint>

#include "lib/gc/marker.hpp"
#include "lib/gc/table.hpp"

namespace loam::collector {

class Toggles {
 public:
  // What the program answers; the numbers are bdwgc's.
  enum Answer : int { kForget, kHold, kLetGo };
  using Ask = Answer (*)(void* object);

  void set_function(Ask ask) { ask_ = ask; }
  Ask function() const { return ask_; }
  // Returns false without memory. Until there is a function `hold` counts.
  bool add(uint64_t object, bool hold);

  // Asks, and marks what is held.
  void mark(Marker& marker);
  // After all marking.
  void forget_dead();

 private:
  struct Entry {
    uint64_t key;  // the object
    bool held;
  };

  Ask ask_ = nullptr;
  Table<Entry> objects_;
};

extern constinit Toggles toggles;

}  // namespace loam::collector
