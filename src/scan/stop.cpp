#include "scan/stop.hpp"

#include <linux/futex.h>
#include <time.h>

#include "sys/kernel.hpp"
#include "sys/syscall.hpp"

namespace loam::scan {

namespace {

// Tells our own signal from a question of the tool, which has SI_QUEUE. Negative, as the kernel asks of what one sends
// oneself.
constexpr int kCode = -0x6c6f;
constexpr unsigned kRoomForMore = 64;
constexpr unsigned kMostRounds = 16;
// From this round on nobody is left alone who can be stopped.
constexpr unsigned kPatientRounds = 3;
// So often it is asked whether who has not answered is still there.
constexpr uint64_t kPromptNs = 3'000'000;
// What counts of one such wait. Longer ones are everybody's: the whole process was stopped, or the machine was.
constexpr uint64_t kMostStepNs = 50'000'000;
// So long somebody may block the signal: libc does while a thread begins or ends, which may lose its processor just then.
constexpr unsigned kLooks = 10;
constexpr uint64_t kDeafNs = 30'000'000;
constexpr uint64_t kDeafRunNs = 1'000'000;  // so much of it on a processor

constinit std::atomic<Stop*> current{nullptr};
constinit std::atomic<uint32_t> inside{0};  // handlers that have looked at `current`

void futex_wait(std::atomic<uint32_t>& word, uint32_t value, uint64_t patience_ns) {
  const timespec patience{static_cast<time_t>(patience_ns / 1'000'000'000),
                          static_cast<long>(patience_ns % 1'000'000'000)};
  sys::raw_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAIT_PRIVATE, static_cast<long>(value),
                patience_ns == 0 ? 0 : reinterpret_cast<long>(&patience));
}

void futex_wake(std::atomic<uint32_t>& word) {
  sys::raw_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAKE_PRIVATE, INT32_MAX);
}

}  // namespace

bool Stop::prepare(Scratch& scratch) {
  unsigned threads = 0;
  const auto count = [](const sys::ThreadName&, void* argument) { ++*static_cast<unsigned*>(argument); };
  if (!sys::for_each_thread(count, &threads)) return false;
  room_ = threads * 2 + kRoomForMore;
  threads_ = scratch.take<StoppedThread>(room_);
  return threads_ != nullptr;
}

void Stop::spare(uint32_t id) {
  if (id != 0 && spared_count_ < kMostSpared) spared_[spared_count_++] = id;
}

bool Stop::is_spared(uint32_t id) const {
  for (unsigned i = 0; i < spared_count_; ++i) {
    if (spared_[i] == id) return true;
  }
  return id == sys::thread_id();
}

StoppedThread* Stop::find(uint32_t entry) {
  for (unsigned i = 0; i < count_; ++i) {
    if (threads_[i].name.entry == entry) return &threads_[i];
  }
  return nullptr;
}

void Stop::add_thread(const sys::ThreadName& name, void* argument) {
  auto& stop = *static_cast<Stop*>(argument);
  if (name.id == 0 || stop.is_spared(name.id) || stop.find(name.entry) != nullptr) return;
  if (stop.count_ == stop.room_) {
    stop.overflow_ = true;
    return;
  }
  StoppedThread& thread = stop.threads_[stop.count_++];
  thread.name = name;
  thread.fate = Fate::kNew;
}

// Adds threads that are not in the list yet. Returns whether there were any.
bool Stop::list() {
  const unsigned before = count_;
  sys::for_each_thread(add_thread, this);
  return count_ > before;
}

// Decides whether the thread can be left alone. The number of its turns is read first: if it is the same afterwards, what was
// read in between is still true.
bool Stop::classify(StoppedThread& thread, int signal) {
  // For a while already: libc blocks all signals for a moment, and where the thread waits then is not where it stays.
  const bool deaf = thread.deaf && sys::blocks_signal(thread.name.entry, signal);
  const uint64_t turns = sys::times_run(thread.name.entry);
  sys::WaitingThread waiting;
  if (!sys::read_waiting(thread.name.entry, &waiting)) {
    if (deaf) thread.fate = Fate::kSilent;
    return deaf;
  }
  thread.interrupted = sys::is_interrupted_by_signals(waiting.call);
  if (!deaf && (!thread.idle || turns == 0 || !thread.interrupted)) return false;
  thread.fate = Fate::kWaiting;
  thread.interrupted = false;
  thread.times_run = turns;
  sys::Registers& registers = thread.registers;
  registers = {};
  registers.stack = waiting.stack;
  for (uint64_t value : waiting.arguments) registers.words[registers.count++] = value;
  return true;
}

bool Stop::send(StoppedThread& thread, int signal) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = kCode;
  info.si_pid = static_cast<pid_t>(sys::process_id());
  info.si_value.sival_ptr = &thread;
  thread.ran_ns = 0;
  thread.asked.store(1, std::memory_order_relaxed);
  waiting_for_.fetch_add(1, std::memory_order_relaxed);
  if (!sys::failed(sys::raw_call(SYS_rt_tgsigqueueinfo, info.si_pid, thread.name.id, signal,
                                 reinterpret_cast<long>(&info))))
    return true;
  thread.asked.store(0, std::memory_order_relaxed);
  waiting_for_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

bool Stop::on_signal(const siginfo_t* info, void* context) {
  if (info->si_code != kCode || info->si_pid != static_cast<pid_t>(sys::process_id())) return false;
  inside.fetch_add(1, std::memory_order_seq_cst);
  Stop* stop = current.load(std::memory_order_seq_cst);
  auto* thread = static_cast<StoppedThread*>(info->si_value.sival_ptr);
  const bool ours = stop != nullptr && thread >= stop->threads_ && thread < stop->threads_ + stop->room_ &&
                    thread->name.id == sys::thread_id() &&
                    thread->asked.exchange(0, std::memory_order_acquire) != 0;
  if (ours) {
    const auto& frame = *static_cast<const ucontext_t*>(context);
    sys::read_registers(frame, &thread->registers);
    thread->other_start = reinterpret_cast<uint64_t>(frame.uc_stack.ss_sp);
    thread->other_end = thread->other_start + frame.uc_stack.ss_size;
    if ((frame.uc_stack.ss_flags & SS_DISABLE) != 0) thread->other_end = thread->other_start;
    thread->on_other =
        thread->registers.stack >= thread->other_start && thread->registers.stack < thread->other_end;
    thread->answered.store(1, std::memory_order_release);
    if (stop->waiting_for_.fetch_sub(1, std::memory_order_acq_rel) == 1) futex_wake(stop->waiting_for_);
    while (stop->released_.load(std::memory_order_acquire) == 0) futex_wait(stop->released_, 0, 0);
  }
  inside.fetch_sub(1, std::memory_order_seq_cst);
  return true;
}

// Its answer is waited for no longer. If it has just come after all, it counts.
void Stop::withdraw(StoppedThread& thread, Fate fate) {
  if (thread.asked.exchange(0, std::memory_order_acq_rel) == 0) return;
  waiting_for_.fetch_sub(1, std::memory_order_relaxed);
  thread.fate = fate;
  if (fate == Fate::kGone) thread.name.entry = 0;  // the number may come back
}

// Whether it blocks the signal and does not merely wait for a processor to go on: libc starts threads with all signals blocked.
bool Stop::is_deaf(StoppedThread& thread, int signal) const {
  const uint32_t entry = thread.name.entry;
  if (sys::monotonic_ns() - begin_ns_ < kDeafNs || !sys::blocks_signal(entry, signal)) return false;
  sys::WaitingThread waiting{};
  if (sys::read_waiting(entry, &waiting)) return true;
  const uint64_t ran = sys::processor_ns(entry) + 1;
  if (thread.ran_ns == 0) thread.ran_ns = ran;
  return ran - thread.ran_ns >= kDeafRunNs;
}

// Threads that have not answered: some are gone, some cannot answer; `at_last`, so may nobody else.
void Stop::look_after(int signal, bool at_last) {
  for (unsigned i = 0; i < count_; ++i) {
    StoppedThread& thread = threads_[i];
    if (thread.fate != Fate::kAnswered || thread.answered.load(std::memory_order_acquire) != 0) continue;
    if (!sys::thread_exists(thread.name.id)) {
      withdraw(thread, Fate::kGone);
      continue;
    }
    if (!at_last && !is_deaf(thread, signal)) continue;
    // It blocks the signal, or a debugger holds it, or it is in the middle of vfork: if it waits, its stack can be read.
    const uint64_t turns = sys::times_run(thread.name.entry);
    sys::WaitingThread waiting{};
    const bool waits = turns != 0 && sys::read_waiting(thread.name.entry, &waiting);
    withdraw(thread, waits ? Fate::kWaiting : Fate::kSilent);
    if (thread.fate != Fate::kWaiting) continue;
    thread.times_run = turns;
    thread.registers = {};
    thread.registers.stack = waiting.stack;
  }
}

void Stop::wait_for_answers(uint64_t patience_ns) {
  const uint64_t begin = sys::monotonic_ns();
  uint64_t waited = 0;
  for (;;) {
    const uint32_t left = waiting_for_.load(std::memory_order_acquire);
    if (left == 0 || waited >= patience_ns) break;
    futex_wait(waiting_for_, left, patience_ns - waited);
    waited = sys::monotonic_ns() - begin;
  }
  waited_ns_ += waited < kMostStepNs ? waited : kMostStepNs;
}

// Who was left alone and has been running since is no longer. Returns whether there is anybody.
bool Stop::somebody_ran() {
  bool any = false;
  for (unsigned i = 0; i < count_; ++i) {
    StoppedThread& thread = threads_[i];
    if (thread.fate != Fate::kWaiting || sys::times_run(thread.name.entry) == thread.times_run) continue;
    thread.idle = false;
    thread.fate = Fate::kNew;
    any = true;
  }
  return any;
}

void Stop::watch(int signal) {
  list();
  for (unsigned i = 0; i < count_; ++i) threads_[i].times_run = sys::times_run(threads_[i].name.entry);
  for (unsigned i = 0; i < count_; ++i) threads_[i].deaf = true;
  // Often enough that who only starts threads all the time, for which libc blocks signals, is seen not to.
  const timespec patience{0, static_cast<long>(kWatchNs / kLooks)};
  for (unsigned look = 0; look < kLooks; ++look) {
    for (unsigned i = 0; i < count_; ++i)
      threads_[i].deaf = threads_[i].deaf && sys::blocks_signal(threads_[i].name.entry, signal);
    sys::raw_call(SYS_nanosleep, reinterpret_cast<long>(&patience), 0);
  }
  for (unsigned i = 0; i < count_; ++i)
    threads_[i].idle = threads_[i].times_run == sys::times_run(threads_[i].name.entry);
}

void Stop::round(int signal, uint64_t patience_ns) {
  for (unsigned i = 0; i < count_; ++i) {
    StoppedThread& thread = threads_[i];
    if (thread.fate != Fate::kNew || classify(thread, signal)) continue;
    thread.fate = Fate::kAnswered;
  }
  // All signals at once: what precedes them is done while everybody still runs.
  if (begin_ns_ == 0) begin_ns_ = sys::monotonic_ns();
  for (unsigned i = 0; i < count_; ++i) {
    StoppedThread& thread = threads_[i];
    const bool told = thread.answered.load(std::memory_order_relaxed) != 0;
    if (thread.fate != Fate::kAnswered || told || send(thread, signal)) continue;
    thread.fate = Fate::kGone;
    thread.name.entry = 0;
  }
  for (;;) {
    wait_for_answers(kPromptNs);
    if (waiting_for_.load(std::memory_order_acquire) == 0) return;
    const bool at_last = waited_ns_ >= patience_ns;
    look_after(signal, at_last);
    if (at_last) return;
  }
}

bool Stop::stop(int signal, uint64_t patience_ns) {
  released_.store(0, std::memory_order_relaxed);
  waiting_for_.store(0, std::memory_order_relaxed);
  begin_ns_ = 0;
  waited_ns_ = 0;
  for (unsigned i = 0; i < count_; ++i) {
    if (threads_[i].fate != Fate::kGone) threads_[i].fate = Fate::kNew;
    threads_[i].asked.store(0, std::memory_order_relaxed);
    threads_[i].answered.store(0, std::memory_order_relaxed);
  }
  current.store(this, std::memory_order_seq_cst);
  list();
  bool rest = false;
  for (unsigned i = 0; i < kMostRounds && !rest && !overflow_; ++i) {
    if (i == kPatientRounds) disturb_all();
    round(signal, patience_ns);
    // Until nobody has come who was about to be started, and who waits has waited all the time.
    const bool came = list();
    const bool ran = somebody_ran();
    rest = !came && !ran;
  }
  for (unsigned i = 0; i < count_; ++i) {
    if (threads_[i].fate == Fate::kSilent) sys::read_thread_name(threads_[i].name.entry, threads_[i].called);
  }
  return rest && !overflow_;
}

void Stop::disturb_all() {
  for (unsigned i = 0; i < count_; ++i) {
    threads_[i].idle = false;
    if (threads_[i].fate == Fate::kWaiting) threads_[i].fate = Fate::kNew;
  }
}

void Stop::resume() {
  current.store(nullptr, std::memory_order_seq_cst);
  released_.store(1, std::memory_order_release);
  futex_wake(released_);
  pause_ns_ = sys::monotonic_ns() - begin_ns_;
  // Who is still in the handler reads our memory. They only have to get a processor.
  while (inside.load(std::memory_order_seq_cst) != 0) sys::yield();
}

void Stop::end_thread(uint32_t id, uint64_t stack) {
  for (unsigned i = 0; i < count_; ++i) {
    if (threads_[i].name.id != id) continue;
    threads_[i].registers.count = 0;
    threads_[i].registers.weak_count = 0;
    threads_[i].registers.stack = stack + sys::kRedZone;  // it stands at a call: nothing below is in use
    // On a busy machine it may not have come to its handler, and all of its stack would count.
    if (threads_[i].fate == Fate::kSilent) threads_[i].fate = Fate::kWaiting;
  }
}

bool Stop::nobody_ran() { return !somebody_ran(); }

}  // namespace loam::scan
