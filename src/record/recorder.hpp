// The recorder of a process: the ring file (format/event_ring.hpp), and who writes into which of its rings.
//
//   record::put(writer, event)
//     own ring, room in it            the event, then `written`: what the tool may take
//     ring full                       wait while the tool's heart beats; else the recording is cut
//     no ring of its own, or inside a handler that interrupted a put()    the shared ring, under its lock
//
// Owns the mapping of the file, and the memory in it of rings that are in use: it is had before they are written to, since a file system
// that is full answers a write with a signal.
// Invariant: a writer's ring is its own, in the file that its generation names; after a fork the child has another file.
// Locking: none but for the shared ring (kShared, a lock of its own that is never waited for by its holder). Async-signal-safe.
#pragma once

#include <atomic>

#include "format/event_ring.hpp"
#include "stack/memo.hpp"

namespace loam::record {

// A thread's part; lies in the metadata arena and stays with the thread's heap.
struct Writer {
  stack::Memo* memo;
  uint32_t generation;  // of the file that `ring` is in; 0: none yet
  uint32_t ring;
  uint32_t thread;   // whom the ring's last kThread has named
  uint32_t stack;    // of its last kStack
  uint32_t stamps;   // events until the next kTick
  bool busy;         // in put(): a signal handler goes another way
  uint64_t events;   // told so far
  uint64_t written;  // words
  uint64_t read;     // as last seen
};

// Makes the ring file in the folder. Returns false, and nothing is recorded, if that cannot be done. Once at start, and once in each
// child (`forked_from` is then its parent), before other threads are there.
bool open(const char* folder, bool with_stacks, uint32_t forked_from);
// In the child of a fork that is not to be recorded.
void leave_off();

bool is_open();
bool with_stacks();

// Called for each event: of an allocation when the block is there, of a free while it still is. `thread` is the caller's id. `writer`
// null: the thread has no heap.
void put(Writer* writer, uint32_t thread, const format::Event& event);

// Tells what the stack is, if nobody has. Before the first event that names it.
void tell_stack(uint32_t stack);

// Figures that the tool samples.
void set_figures(uint64_t kernel_calls, uint64_t mapped_bytes);

// At exit: what comes later is still taken.
void say_ended();

}  // namespace loam::record
