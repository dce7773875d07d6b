// The recorder of a process: the ring file (format/event_ring.hpp), and who writes into which of its rings.
//
//   record::put(writer, event)
//     nothing has changed since the ring's last event, and it has room     the event, then `written`: what the tool may take (put_quickly)
//     own ring                        likewise, with what has changed: thread, time, another thread there
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
#include "record/told.hpp"
#include "stack/memo.hpp"
#include "sys/cpu.hpp"
#include "sys/prefetch.hpp"

namespace loam::record {

// A thread's part; lies in the metadata arena and stays with the thread's heap.
struct Writer {
  stack::Memo* memo;
  // What a quick put() needs.
  uint64_t* words;               // of the ring
  std::atomic<uint64_t>* shown;  // the ring's `written`
  uint64_t written;              // words
  uint64_t limit;                // words; from there on room, the time and other threads are asked after
  uint32_t epoch;                // as `epoch` below was when that was found
  uint32_t thread;               // whom the ring's last kThread has named
  uint32_t stack;                // of its last kStack
  bool busy;                     // in put(): a signal handler goes another way
  bool several;                  // each event has a time

  uint32_t generation;  // of the file that `ring` is in; 0: none yet
  uint32_t ring;
  uint64_t stamp_at;    // words that are there when the next time is told
  uint64_t figures_at;  // likewise, for the runtime's figures
  uint64_t read;        // as last seen
};

// Changes with the file, when a second thread comes, and when the recording is cut: then no put() is quick before it has looked.
extern constinit std::atomic<uint32_t> epoch;

// Makes the ring file in the folder. Returns false, and nothing is recorded, if that cannot be done. Once at start, and once in each
// child (`forked_from` is then its parent), before other threads are there.
bool open(const char* folder, bool with_stacks, uint32_t forked_from);
// In the child of a fork that is not to be recorded.
void leave_off();

bool is_open();

// Called for each event: of an allocation when the block is there, of a free while it still is. `thread` is the caller's id. `writer`
// null: the thread has no heap.
inline void put(Writer* writer, uint32_t thread, const format::Event& event);
void put_at_length(Writer* writer, uint32_t thread, const format::Event& event);

// Tells what the stack is, if nobody has. Before the first event that names it.
inline void tell_stack(uint32_t stack);
void tell_new_stack(uint32_t stack);

// Figures that the tool samples.
void set_figures(uint64_t kernel_calls, uint64_t mapped_bytes);

// At exit: what comes later is still taken.
void say_ended();

inline void tell_stack(uint32_t stack) {
  if (stack != 0 && !is_told(stack)) [[unlikely]]
    tell_new_stack(stack);
}

// Whether the event is one word.
inline bool is_short(const format::Event& event) {
  return (event.address & ~format::kWordAddress) == 0 && event.size < format::kSizeFollows &&
         event.alignment_log == 4;
}

inline uint64_t word_of(const format::Event& event) {
  using format::WordKind;
  const auto kind = event.is_free     ? event.is_resize ? WordKind::kFreeOfResize : WordKind::kFree
                    : event.is_resize ? WordKind::kAllocateOfResize
                                      : WordKind::kAllocate;
  return event.size << format::kWordSizeShift | event.address | static_cast<uint64_t>(kind);
}

// A short event. False, and nothing is done: the writer must look first. Whether the epoch has changed is asked behind what the event was:
// see `several` in recorder.cpp. Its stack's word is always written, and counts where it is another one: what a program allocates with
// is too mixed to be foretold.
inline bool put_quickly(Writer& writer, uint32_t thread, const format::Event& event) {
  constexpr uint64_t kLine = 64 / sizeof(uint64_t);
  constexpr uint64_t kMask = format::kRingWords - 1;
  if ((writer.epoch ^ epoch.load(std::memory_order_relaxed)) | (writer.thread ^ thread) |
      static_cast<uint32_t>(writer.busy)) [[unlikely]]
    return false;
  uint64_t at = writer.written;
  if (at >= writer.limit) [[unlikely]]
    return false;
  writer.busy = true;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  uint64_t* const words = writer.words;
  if (writer.several)
    words[at++ & kMask] =
        format::word_of(format::WordKind::kTick, event.is_free ? sys::ticks() : sys::ticks_after());
  if (!event.is_free) {
    words[at & kMask] = format::word_of(format::WordKind::kStack, event.stack);
    at += event.stack != writer.stack ? 1 : 0;
    writer.stack = event.stack;
  }
  words[at & kMask] = word_of(event);
  // The line after the next two, which the tool's processor has had since it was written last.
  sys::ask_to_write(&words[(at + 3 * kLine) & kMask]);
  writer.written = ++at;
  writer.shown->store(at, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  writer.busy = false;
  return true;
}

inline void put(Writer* writer, uint32_t thread, const format::Event& event) {
  if (writer == nullptr || !is_short(event) || !put_quickly(*writer, thread, event)) [[unlikely]]
    put_at_length(writer, thread, event);
}

}  // namespace loam::record
