// The threads that use the collected heap: what each allocates from, and where it stands while the world is stopped.
// A record is never given back to the kernel, so that a late signal handler may look at it; records of ended threads serve
// new ones.
// Invariant: a buffer's objects from `next` to `end` are zero (but for kinds without pointers), live, and nobody's yet.
// Locking: the list and the records' fields under the collector's lock; a thread's buffers are its own, save while it stands still.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/size_class.hpp"

namespace loam::collector {

// The part of a block that a thread hands out next.
struct Buffer {
  uint64_t next;
  uint64_t end;
  uint32_t bytes;   // of an object
  uint32_t block;   // kNoBlock: none
  uint32_t cursor;  // objects of the block below this one have been looked at
  uint32_t unused;
};

enum Stand : uint32_t { kRuns, kAsked, kStopped };

// Of a thread in the moment it is stopped, whether it uses the heap or not.
struct Standing {
  std::atomic<uint32_t> stand{0};
  uint32_t id = 0;
  uint32_t entry = 0;           // of a thread that does not use the heap: its number in /proc
  uint64_t stack = 0;           // the lowest address of its stack in use
  uint64_t thread_pointer = 0;  // 0: unknown
};

struct Thread {
  Standing standing;
  Thread* next;
  uint64_t stack_limit;  // the lowest address that its stack may have
  uint64_t stack_top;
  uint64_t other_top;  // of the stack that the program says it runs on, as coroutines do; 0: its own
  void* result;        // of a thread that has ended and may yet be joined
  uint64_t handle;     // what libc calls it
  bool used;           // the record has a thread
  bool ended;
  bool joined_by_nobody;  // detached
  bool in_finalizers;
  uint64_t held[2];  // what the finalizer that runs on it works on: roots
  Buffer buffers[kKinds][kClasses];
};

// The calling thread's, null if it is not known yet.
extern constinit thread_local Thread* current;

class Threads {
 public:
  // Makes the calling thread known; `stack_top` 0: asked of libc. Null without memory. Takes the lock.
  Thread* join(uint64_t stack_top);
  // The calling thread leaves: its buffers go back. With `keep`, the record stays for the sake of its result.
  void leave(bool keep);
  // Under the lock.
  void forget(Thread* thread);
  Thread* first() { return first_; }
  Thread* find(uint32_t id);
  Thread* find_handle(uint64_t handle);
  // In the child of a fork: only the caller is left.
  void after_fork();

 private:
  Thread* take_record();

  Thread* first_ = nullptr;
};

extern constinit Threads threads;

// Where the calling thread's stack begins and may end, as libc says. Returns false if it does not tell.
bool stack_of_caller(uint64_t* limit, uint64_t* top);

}  // namespace loam::collector
