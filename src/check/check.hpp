// Check mode: what malloc and free do when each block is watched. Every block has a record and canaries; a freed block is
// poisoned and waits in the quarantine; chosen and large blocks stand alone against a guard page (guarded.hpp).
// The page tier, for every small block if asked for, makes whole pages fault once their blocks are freed (pages.hpp).
// Owns the mode's state. Findings go to the hooks; nothing is printed here.
//
// Requires: the thread's visible heap is the empty one, so that every call gets here. `heap` is the thread's, or null.
// Locking: a thread's state hangs on its heap; the quarantine and the guarded window have a lock each.
// Signal-tolerant: a handler that interrupted this code allocates and frees without touching the thread's state.
#pragma once

#include "check/finding.hpp"
#include "heap/thread_heap.hpp"
#include "stack/memo.hpp"

namespace loam::check {

enum class Tier : uint8_t { kDefault, kThorough, kFull };

struct Settings {
  Tier tier;
  bool flip;        // guard pages in front instead of behind
  bool keep_going;  // a wrong free is left undone, and the program goes on
  uint64_t quarantine_bytes;
  uint64_t page_window;  // addresses of the page tier; 0: none
  uint64_t guard_first;  // of each call site these are guarded
  uint64_t guard_rate;   // then one in so many; 0: none
};

// Called once. Returns false when the kernel gives no memory for it.
bool open(const Settings& settings, const Hooks& hooks);

struct Wanted {
  size_t size;
  unsigned alignment_log;  // 4 where none was asked for
  Family family;
  bool zeroed;
  StackId stack;  // who asks
};

// Null when out of memory.
void* allocate(heap::ThreadHeap* heap, const Wanted& wanted);

struct Returned {
  void* block;
  Family family;
  bool sized;
  size_t size;
  StackId stack;  // who gives it back
};

// kStop: the call was wrong, has been reported, and the program is not to go on.
enum class Outcome : uint8_t { kDone, kForeign, kStop };
Outcome release(heap::ThreadHeap* heap, const Returned& returned);

struct Resized {
  Outcome outcome;
  void* block;  // null when out of memory: the old one is then as it was
};
// realloc: always moves, so that a use of the old address is seen.
Resized resize(heap::ThreadHeap* heap, const Returned& returned, size_t size);

// Exactly what was asked for; 0 for what is no live block.
size_t usable_size(const void* block);

// The block of this mode whose memory the word points into, canaries included. No fault, no lock.
BlockInfo find(const void* word);

// A pointer that is no block's and not another malloc's either. `place` says what it is.
Outcome report_foreign(const Returned& returned, const char* place);

// What lies at an address that faulted. Returns whether it has to do with a block of ours.
bool explain_fault(uint64_t address, Access access, Finding* finding);

// Whether an access there faults by this mode's doing: a guard page, the page of freed blocks, or poison.
bool faults(uint64_t address);

// Makes the page of a guarded address accessible, so that the access goes through. Returns whether it could.
bool let_pass(uint64_t address);

// Whether the address belongs to this mode: nothing of the program's lies there but its blocks.
bool covers(uint64_t address);
// Any further access there is SIGSEGV, as at any address that nothing is mapped at; there is no way back. For a process that ends.
void fault_plainly(uint64_t address);

// Looks at every canary and all poison once more: for the end of the process. The program's threads may still run.
void sweep();

struct Figures {
  uint64_t blocks;         // handed out
  uint64_t guarded;        // of those, behind a guard page
  uint64_t retired_pages;  // of the page tier
  uint64_t quarantined;    // in the quarantine now
  uint64_t quarantine_bytes;
  uint64_t unwatched;     // freed past the quarantine, and so reused at once
  uint64_t poison_bytes;  // of the reserved region; 0: none could be had
  uint64_t window_bytes;  // of the guarded window
};
Figures figures();

// Asks for what a free of the block will read, which has often left the cache: worth it some time before.
void touch(const void* block);

// The thread's own; null for a thread without a heap. What is kept there is the caller's to make.
stack::Memo** memo_of(heap::ThreadHeap* heap);
// Another thread has the heap now, with a stack of its own.
void change_thread(heap::ThreadHeap* heap);

// The process is about to have its system calls filtered: from now on none is made but those of any malloc.
void before_filter();

// In the child of a fork: the other threads' parts are nobody's now, and may have been in the middle of a change.
void forget_threads(const heap::ThreadHeap* mine);

// For fork, in rank order.
constexpr unsigned kLocks = 3;
sys::Lock& lock_at(unsigned index);

}  // namespace loam::check
