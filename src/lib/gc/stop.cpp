#include "lib/gc/stop.hpp"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>

#include "base/text.hpp"
#include "lib/gc/futex.hpp"
#include "sys/kernel.hpp"
#include "sys/proc.hpp"
#include "sys/registers.hpp"
#include "sys/syscall.hpp"
#include "sys/threads.hpp"

namespace loam::collector {

namespace {

constexpr uint64_t kStrangerPatienceNs = 20'000'000;
// One that does not block the signal.
constexpr uint64_t kLongestPatienceNs = 5'000'000'000;
constexpr uint64_t kAskAgainNs = 50'000'000;

constinit Standing strangers[kMostStrangers]{};
constinit unsigned strangers_count = 0;
constinit std::atomic<uint32_t> answers_wanted{0};
constinit std::atomic<uint32_t> spared{0};
constinit int signal_number = SIGPWR;
constinit bool installed = false;
constinit bool stopped = false;

Standing* standing_of_caller() {
  if (current != nullptr) return &current->standing;
  const uint32_t id = sys::thread_id();
  for (unsigned i = 0; i < strangers_count; ++i) {
    if (strangers[i].id == id) return &strangers[i];
  }
  return nullptr;
}

// The kernel has put the registers on the stack above this frame.
void on_stop(int, siginfo_t*, void*) {
  Standing* me = standing_of_caller();
  if (me == nullptr) return;
  me->stack = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  me->thread_pointer = sys::thread_pointer();
  uint32_t expected = kAsked;
  if (!me->stand.compare_exchange_strong(expected, kStopped, std::memory_order_acq_rel)) return;
  if (answers_wanted.fetch_sub(1, std::memory_order_acq_rel) == 1) wake(answers_wanted);
  while (me->stand.load(std::memory_order_acquire) == kStopped) wait(me->stand, kStopped, 0);
}

bool send(uint32_t id) {
  return !sys::failed(
      sys::raw_call(SYS_tgkill, static_cast<long>(sys::process_id()), static_cast<long>(id), signal_number));
}

// Returns false if the thread is gone.
bool ask(Standing& standing) {
  standing.stand.store(kAsked, std::memory_order_release);
  answers_wanted.fetch_add(1, std::memory_order_acq_rel);
  if (send(standing.id)) return true;
  standing.stand.store(kRuns, std::memory_order_relaxed);
  answers_wanted.fetch_sub(1, std::memory_order_acq_rel);
  return false;
}

void ask_known() {
  for (Thread* thread = threads.first(); thread != nullptr; thread = thread->next) {
    if (!thread->used || thread->ended || thread == current) continue;
    if (thread->standing.stand.load(std::memory_order_relaxed) != kRuns) continue;
    // It left without a word, as by a bare system call.
    if (!ask(thread->standing)) threads.forget(thread);
  }
}

struct Listing {
  unsigned added;
};

void add_stranger(const sys::ThreadName& name, void* argument) {
  auto& listing = *static_cast<Listing*>(argument);
  if (name.id == 0 || name.id == sys::thread_id() || name.id == spared.load(std::memory_order_relaxed))
    return;
  if (threads.find(name.id) != nullptr || strangers_count == kMostStrangers) return;
  for (unsigned i = 0; i < strangers_count; ++i) {
    if (strangers[i].id == name.id) return;
  }
  Standing& standing = strangers[strangers_count];
  standing.id = name.id;
  standing.entry = name.entry;
  standing.stack = 0;
  standing.thread_pointer = 0;
  // Counted first: its handler looks for itself.
  ++strangers_count;
  if (ask(standing)) ++listing.added;
}

bool known_are_missing() {
  for (Thread* thread = threads.first(); thread != nullptr; thread = thread->next) {
    if (thread->used && !thread->ended && thread->standing.stand.load(std::memory_order_acquire) == kAsked)
      return true;
  }
  return false;
}

void ask_missing_again() {
  for (Thread* thread = threads.first(); thread != nullptr; thread = thread->next) {
    if (!thread->used || thread->ended || thread->standing.stand.load(std::memory_order_acquire) != kAsked)
      continue;
    if (send(thread->standing.id)) continue;
    uint32_t expected = kAsked;
    if (!thread->standing.stand.compare_exchange_strong(expected, kRuns)) continue;
    answers_wanted.fetch_sub(1, std::memory_order_acq_rel);
    threads.forget(thread);
  }
}

// Or is gone.
bool blocks_signal(uint32_t id) {
  base::Text path;
  path.add("/proc/self/task/").add(uint64_t{id}).add("/status");
  char text[2048];
  if (sys::read_file(path.data(), text, sizeof text) == 0) return true;
  constexpr char kName[] = "\nSigBlk:\t";
  const char* at = strstr(text, kName);
  if (at == nullptr) return true;
  const uint64_t blocked = strtoull(at + sizeof kName - 1, nullptr, 16);
  return (blocked >> (signal_number - 1) & 1) != 0;
}

// On a busy machine a thread may not have run for a while: it is waited for, since nobody else might hold what it does.
void let_strangers_go(bool all) {
  for (unsigned i = 0; i < strangers_count; ++i) {
    uint32_t expected = kAsked;
    if (strangers[i].stand.load(std::memory_order_acquire) != kAsked) continue;
    if (!all && !blocks_signal(strangers[i].entry)) continue;
    if (strangers[i].stand.compare_exchange_strong(expected, kRuns))
      answers_wanted.fetch_sub(1, std::memory_order_acq_rel);
  }
}

void wait_for_answers() {
  const uint64_t begin = sys::monotonic_ns();
  uint64_t asked_at = begin;
  for (;;) {
    const uint32_t left = answers_wanted.load(std::memory_order_acquire);
    if (left == 0) return;
    wait(answers_wanted, left, kStrangerPatienceNs / 4);
    const uint64_t now = sys::monotonic_ns();
    if (!known_are_missing() && now - begin >= kStrangerPatienceNs)
      let_strangers_go(now - begin >= kLongestPatienceNs);
    if (now - asked_at >= kAskAgainNs) {
      asked_at = now;
      ask_missing_again();
    }
  }
}

}  // namespace

int stop_signal() { return signal_number; }

void set_stop_signal(int signal) {
  if (!installed) signal_number = signal;
}

void prepare_stop() {
  if (installed) return;
  installed = true;
  struct sigaction action = {};
  action.sa_sigaction = on_stop;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  // Nothing of the program's may run on a stopped thread.
  __builtin_memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
  sigaction(signal_number, &action, nullptr);
}

void spare_thread(uint32_t id) { spared.store(id, std::memory_order_relaxed); }

void stop_world() {
  stopped = false;
  strangers_count = 0;
  if (__libc_single_threaded) return;
  stopped = true;
  // Until nobody is left who could start another one.
  for (;;) {
    ask_known();
    Listing listing{0};
    sys::for_each_thread(add_stranger, &listing);
    wait_for_answers();
    if (listing.added == 0) break;
  }
}

void resume_world() {
  if (!stopped) return;
  for (Thread* thread = threads.first(); thread != nullptr; thread = thread->next) {
    uint32_t expected = kStopped;
    if (thread->used && thread->standing.stand.compare_exchange_strong(expected, kRuns))
      wake(thread->standing.stand);
  }
  for (unsigned i = 0; i < strangers_count; ++i) {
    uint32_t expected = kStopped;
    if (strangers[i].stand.compare_exchange_strong(expected, kRuns)) wake(strangers[i].stand);
  }
}

unsigned stranger_count() { return strangers_count; }
const Standing& stranger(unsigned index) { return strangers[index]; }

}  // namespace loam::collector
