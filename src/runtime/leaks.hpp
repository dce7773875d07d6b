// The search for leaks in this process: makes the copy, searches in it, writes what format/leaks.hpp describes.
// Locking: the heap's locks while the copy is made, tried and never waited for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::runtime {

// Called once, at start, by the program's first thread.
void prepare_leaks();

struct LeakSearch {
  static constexpr unsigned kMostOwn = 16;
  struct Piece {
    uint64_t start;
    uint64_t end;
  };

  bool (*send)(void* to, const void* from,
               size_t bytes);  // called by the copy, and by the original when that has ended
  void* to;
  uint64_t cookie;
  unsigned own_count;
  Piece own[kMostOwn];        // memory of the runtime's own threads
  uint32_t spared[kMostOwn];  // their numbers
  // The thread that is in exit(): nothing of its registers counts, and of its stack only what lies above.
  uint32_t ending_thread;
  uint64_t ending_stack;
  uint64_t ending_frames;  // where the frames of the program end; 0: not known, they count
  // Instead of what is lost: by which words a block is held.
  bool wants_chain = false;
  bool by_site = false;  // of any block that the stack `subject` has allocated
  uint64_t subject = 0;
};

// On a side thread: the calling one is not stopped. Answers in any case: with what was found, or with the reason.
void search_leaks(LeakSearch& search);

}  // namespace loam::runtime
