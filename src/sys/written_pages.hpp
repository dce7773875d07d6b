// Which pages of a range were written to since the last look: told by the kernel (userfaultfd's asynchronous write protection and
// PAGEMAP_SCAN, Linux 6.7), without signals and without splitting mappings. The first write to a watched page costs a fault of 1 to 2 us.
// Owns a descriptor, out of the way of the program's own; if the program closes it, or forks, the pages are not watched any
// longer, which take() and watch() notice. Locking: none; other threads may write meanwhile, and what they write is seen now or the next time.
#pragma once

#include <cstdint>

namespace loam::sys {

class WrittenPages {
 public:
  // From now on pages of the range can be watched. Returns false where the kernel cannot. Requires: private anonymous memory.
  bool open(uint64_t start, uint64_t end);
  bool is_open() const { return descriptor_ >= 0; }
  void close();

  // Before and after calls of the two below. Returns false if they cannot be answered.
  bool begin();
  void finish();
  // What is written from now on to the pages of this part of the range counts. Returns false if they are not watched.
  bool watch(uint64_t start, uint64_t end);
  // Calls function(start, end, argument) for all pages of the part that were written to since watch(), or that it never had.
  // Pages without memory do not count. Returns false if they were not watched: then not all were visited.
  using Visit = void (*)(uint64_t start, uint64_t end, void* argument);
  bool visit(uint64_t start, uint64_t end, Visit function, void* argument) {
    return scan(start, end, kWritten, function, argument);
  }
  // The same and watch() in one: nothing that is written falls between the two.
  bool visit_and_watch(uint64_t start, uint64_t end, Visit function, void* argument) {
    return scan(start, end, kWrittenAndWatch, function, argument);
  }
  // The same for pages that were not written to and lie on no huge page. Of a watched huge page the first write makes small ones, and the kernel
  // leaves watched pages as they are for good.
  bool visit_small(uint64_t start, uint64_t end, Visit function, void* argument) {
    return scan(start, end, kSmall, function, argument);
  }
  // The part counts as written, as if each of its pages had been: in one call what would take a fault for each.
  void take_as_written(uint64_t start, uint64_t end);
  // One huge page of the small ones from `start` on; afterwards it is not watched. Takes 0.3 ms for the copy, for which who touches it
  // waits. Returns false if they stay as they are. Requires: all of them are there.
  bool join(uint64_t start);

 private:
  enum Which : uint8_t { kWritten, kWrittenAndWatch, kSmall };
  bool scan(uint64_t start, uint64_t end, Which which, Visit function, void* argument);

  int descriptor_ = -1;
  int map_ = -1;
};

}  // namespace loam::sys
