// Stops the program's threads for an instant, with their registers written down.
//
// A thread that runs gets a signal and stays in its handler until it may go on. One that waits in a system call which a signal
// would make return early (epoll_wait, poll, nanosleep), and has been waiting for a while, is left alone: it is read through
// /proc, and afterwards it is made sure that it did not run meanwhile; which registers it keeps is then unknown, but for those
// it called the kernel with. One that blocks all signals is treated alike if it waits, else it is listed as silent.
//
// Invariant: at most one stop at a time in a process; the memory of a Stop outlives every handler that has seen it.
// Locking: none may be held that a stopped thread might hold, save those that the caller took before.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>

#include "scan/scratch.hpp"
#include "sys/registers.hpp"
#include "sys/threads.hpp"

namespace loam::scan {

enum class Fate : uint8_t {
  kNew,
  kAnswered,  // stands in the handler
  kWaiting,   // waits in the kernel and was not disturbed
  kSilent,    // neither: it may run while we look
  kGone,
};

struct StoppedThread {
  sys::ThreadName name;
  char called[sys::kThreadNameBytes];  // kSilent: what the program calls it
  Fate fate;
  bool deaf;             // it has been blocking the signal for a while
  bool idle;             // it has been waiting for a while: it may be left alone
  bool interrupted;      // it was in a call that has returned early with EINTR
  uint64_t times_run;    // when it was last looked at
  uint64_t ran_ns;       // how long it had had a processor when it was first seen to block the signal
  uint64_t other_start;  // its alternate signal stack, empty if it has none
  uint64_t other_end;
  bool on_other;                // it runs on it
  std::atomic<uint32_t> asked;  // a signal is on its way
  std::atomic<uint32_t> answered;
  sys::Registers registers;
};

class Stop {
 public:
  // Room for the threads that are there now, and some more.
  // Returns false when there is no memory, or /proc lists none.
  bool prepare(Scratch& scratch);

  // The calling thread is never stopped; others that must not be (threads of the runtime's own) are named before.
  void spare(uint32_t id);
  // Looks which threads wait for longer. Takes its time, while all run.
  void watch(int signal);

  // Stops all, and waits so long for their answers. Returns false if they do not come to rest: let them go on.
  bool stop(int signal, uint64_t patience_ns);
  // Lets them go on. The registers stay.
  void resume();
  // After resume(): whether everybody who was left alone has been waiting all the time. Who has not gets a signal at the
  // next attempt.
  bool nobody_ran();

  // Of a thread that has stopped inside exit(), where it waits for us: its registers are nobody's, its stack counts from `stack` on.
  void end_thread(uint32_t id, uint64_t stack);

  unsigned count() const { return count_; }
  const StoppedThread& thread(unsigned index) const { return threads_[index]; }
  uint64_t pause_ns() const { return pause_ns_; }

  // Called first by the handler of `signal`. Returns false if the signal has another meaning.
  static bool on_signal(const siginfo_t* info, void* context);

 private:
  static constexpr unsigned kMostSpared = 16;
  // Longer than a copy takes of most processes: who has not run for so long will hardly do so then.
  static constexpr uint64_t kWatchNs = 25'000'000;

  static void add_thread(const sys::ThreadName& name, void* argument);
  StoppedThread* find(uint32_t entry);
  bool is_spared(uint32_t id) const;
  bool list();
  bool classify(StoppedThread& thread, int signal);
  void disturb_all();
  bool send(StoppedThread& thread, int signal);
  void round(int signal, uint64_t patience_ns);
  bool somebody_ran();
  void wait_for_answers(uint64_t patience_ns);
  bool is_deaf(StoppedThread& thread, int signal) const;
  void look_after(int signal, bool at_last);
  void withdraw(StoppedThread& thread, Fate fate);

  StoppedThread* threads_ = nullptr;
  unsigned count_ = 0;
  unsigned room_ = 0;
  bool overflow_ = false;
  uint32_t spared_[kMostSpared] = {};
  unsigned spared_count_ = 0;
  std::atomic<uint32_t> waiting_for_{0};  // answers
  std::atomic<uint32_t> released_{0};
  uint64_t begin_ns_ = 0;
  uint64_t waited_ns_ = 0;  // for answers, since the stop began
  uint64_t pause_ns_ = 0;
};

}  // namespace loam::scan
