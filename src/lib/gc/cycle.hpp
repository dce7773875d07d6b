// A collection that is marked while the program runs, on the second thread (helper.hpp). Its parts:
//
//   opening   what is live is taken for open; pages are watched (sys/written_pages.hpp)             second thread
//   first stop   stacks, registers, data: what they lead to waits to be read                        a thread that allocates
//   marking   everything that waits is read; then, in rounds, again what is reached and lies on pages that were written to
//             meanwhile, until those are few                                                        second thread
//   last stop    the roots once more, the pages written to since the last round, finalizers, links  a thread that allocates
//   sweeping  block by block                                                                        whoever wants room, and the second thread
//
// Why nothing is missed: an object that is reached and has been read can lead to an open one only if it was written to after it was
// read; then its page tells so, and the last stop reads it. What is allocated meanwhile is either open like any other, or counts as
// reached, and lies on a page that was written to. Nobody needs to know of any store.
//
// Threads that allocate pay: what they may take before the last stop grows with what has been marked, and who is ahead of it marks too
// (assist.hpp), or sleeps where there is nothing for it to mark, a third of a millisecond at most each time. The rounds allow an eighth of what they read, so that each is shorter than the one before.
//
// Locking: the collector's lock for all but pay() and work(); the phase says whose turn it is.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/allocate.hpp"

namespace loam::collector {

class Cycle {
 public:
  bool going_on() const { return phase() != Phase::kNone; }
  // Whether blocks must stay as they are.
  bool marking() const { return phase() != Phase::kNone && phase() != Phase::kSweeping; }
  // Whether it is the second thread's turn to mark. No lock.
  bool beside() const { return phase() == Phase::kOpening || phase() == Phase::kMarking; }

  // Returns false if the collection must be one that stops the world: a small one, or one that the kernel does not help with.
  bool begin();
  // Whatever is the caller's turn to do.
  void advance();
  // All memory of the collection before is free to be served.
  void finish_sweep();
  // No cycle goes on afterwards; what one has marked is lost.
  void break_off();
  // Marks or sleeps if marking is behind. No lock.
  void pay();

  // Before and after a fork: meanwhile the second thread stands where nothing is half done.
  void hold();
  void let_go();
  void after_fork();

  // On the second thread. Returns whether there was something to do.
  bool work();

 private:
  enum class Phase : uint32_t {
    kNone,
    kOpening,  // the second thread's
    kOpened,
    kMarking,  // the second thread's
    kReady,
    kStopping,
    kFailed,  // the kernel does not tell any longer, or it was told to give up
    kSweeping
  };
  enum Hold : uint32_t { kGoOn, kStand, kGiveUp };

  Phase phase() const { return static_cast<Phase>(phase_.load(std::memory_order_acquire)); }
  void set_phase(Phase phase);
  bool change_phase(Phase from, Phase to);
  bool worth_it() const;
  void first_stop();
  void last_stop();
  void end();

  bool ahead_of_marking() const;
  static bool has_paid(uint64_t until_ns);
  static bool go_on(uint64_t objects);
  static bool round_goes_on(uint64_t objects);
  static bool round_progress(uint64_t bytes);
  bool may_go_on();
  bool open();
  bool mark();
  uint64_t round();
  bool wait_for_last_stop();
  bool sweep_some();

  std::atomic<uint32_t> phase_{0};
  std::atomic<uint32_t> hold_{kGoOn};
  std::atomic<uint32_t> held_{0};
  std::atomic<uint64_t> allowed_{0};  // of figures.allocated_bytes
  bool young_ = false;
  uint32_t blocks_ =
      0;  // that the marker knows; what lies in others was allocated meanwhile and is not opened
  uint64_t expected_objects_ = 0;
  uint64_t allocated_at_begin_ = 0;
  uint64_t allocated_before_ = 0;  // since the collection before, until this one began
  uint64_t budget_ = 0;            // bytes that may be allocated while marking
  uint64_t began_ns_ = 0;
  Buffered buffered_ = {};
};

extern constinit Cycle cycle;

}  // namespace loam::collector
