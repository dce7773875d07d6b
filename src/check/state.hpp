// What the parts of check mode share: the settings, the quarantine, the guarded window, and a thread's own part.
// Locking: as each member says; settings, hooks and the secret do not change after open().
#pragma once

#include "check/check.hpp"
#include "check/guarded.hpp"
#include "check/pages.hpp"
#include "check/poison.hpp"
#include "check/quarantine.hpp"
#include "check/sites.hpp"
#include "sys/kernel.hpp"

namespace loam::check {

// Lies in the metadata arena and stays with the thread's heap. Written by its thread only.
struct ThreadPart {
  bool busy;          // the thread is in this mode's code: a signal handler keeps out
  stack::Memo* memo;  // knows by itself when a signal handler interrupts it
  QuarantinePart quarantine;
  PagePart pages;
  uint32_t next_sequence;
  uint32_t end_sequence;
  uint64_t blocks;
  uint64_t guarded;
  uint64_t unwatched;
};

struct State {
  Settings settings;
  Hooks hooks;
  uint64_t secret;
  uint64_t guard_budget_bytes;  // of live guarded blocks that were chosen
  std::atomic<uint64_t> guarded_blocks;
  std::atomic<uint32_t> sequence;
  bool is_child;       // of a fork
  uint32_t forked_at;  // the first sequence number that is this process's own
  std::atomic<uint64_t> next_rearm_ns;
  Poison poison;
  Quarantine quarantine;
  Guarded guarded;
  Pages pages;
  Sites sites;
};
extern constinit State state;

// What hangs on the heap, made if there is none; null for a thread without a heap, or without memory.
ThreadPart* make_part(heap::ThreadHeap* heap);
inline ThreadPart* part_of(heap::ThreadHeap* heap) {
  auto* part = heap == nullptr ? nullptr : static_cast<ThreadPart*>(heap->mode_state);
  return part != nullptr ? part : make_part(heap);
}

// The thread's part; null as part_of() says, and in a signal handler that interrupted this mode.
inline ThreadPart* enter(heap::ThreadHeap* heap) {
  ThreadPart* part = part_of(heap);
  if (part == nullptr || part->busy) return nullptr;
  part->busy = true;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return part;
}
inline void leave(ThreadPart* part) {
  if (part == nullptr) return;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  part->busy = false;
}

void report(Finding& finding);

// The thread's number, which the kernel is asked for only where no heap knows it.
inline uint32_t thread_of(const heap::ThreadHeap* heap) {
  return heap != nullptr && heap->thread != 0 ? heap->thread : sys::thread_id();
}

// Takes out of the quarantine what is above its bound: looks at the poison, and gives the memory back.
void take_excess(heap::ThreadHeap* heap);
// Asks for the lines of a block that will be looked at soon.
void touch_freed(uint64_t slot, char* memory, void*);
// Looks at a block in the quarantine; reports what is wrong with it.
void inspect_freed(const Home& home, uint64_t slot);
// Reports what was written into a freed block that is filled with this word.
void inspect_poison(const BlockInfo& block, uint64_t word);

}  // namespace loam::check
