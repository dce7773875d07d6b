#include "runtime/control.hpp"

#include <signal.h>
#include <sys/mman.h>

#include <atomic>

#include "format/control.hpp"
#include "heap/size_class.hpp"
#include "runtime/connection.hpp"
#include "runtime/figures.hpp"
#include "runtime/leaks.hpp"
#include "runtime/statistics.hpp"
#include "scan/stop.hpp"
#include "sys/kernel.hpp"
#include "sys/side_thread.hpp"
#include "sys/syscall.hpp"

namespace loam::runtime {

namespace {

using format::Answer;
using format::kControlSignal;

// How many requests are answered at once, and how many more are told that others are being served. What exceeds that
// is ignored: whoever may send signals may send many.
constexpr uint64_t kMostServed = 4;
constexpr uint64_t kMostHelpers = 8;

constexpr size_t kStackBytes = size_t{64} << 10;
constexpr size_t kStorageBytes = 8192;

// What a side thread needs, in one mapping of its own: its stack, the memory its thread pointer points to, and this.
struct Helper {
  alignas(16) char stack[kStackBytes];
  alignas(16) char storage[kStorageBytes];
  uint64_t cookie;
  uint64_t begin_ns;               // when the signal came
  std::atomic<uint64_t> pause_ns;  // how long its handler took; 0 until it is done
  std::atomic<uint32_t> thread;    // its own number
  bool serves;                     // else it says kBusy
  format::ClassTable classes;
  format::CounterSlot slot;
};

// The helpers of this process: process id in the high half, their number in the low one. In a forked child, where they
// do not exist, the id is another.
constinit std::atomic<uint64_t> helpers{0};

// Those that are there, for the one that must not take them for threads or memory of the program.
constinit std::atomic<Helper*> helper_table[kMostHelpers];

void enter(Helper* helper) {
  for (auto& place : helper_table) {
    Helper* nobody = nullptr;
    if (place.compare_exchange_strong(nobody, helper, std::memory_order_acq_rel)) return;
  }
}

void leave(Helper* helper) {
  for (auto& place : helper_table) {
    Helper* self = helper;
    if (place.compare_exchange_strong(self, nullptr, std::memory_order_acq_rel)) return;
  }
}

// Returns how many there are with this one, 0 if it is one too many.
uint64_t enlist() {
  const uint64_t mine = uint64_t{sys::process_id()} << 32;
  uint64_t seen = helpers.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t before = (seen & ~uint64_t{UINT32_MAX}) == mine ? seen : mine;
    const uint64_t count = (before & UINT32_MAX) + 1;
    if (count > kMostHelpers) return 0;
    if (helpers.compare_exchange_weak(seen, before + 1, std::memory_order_relaxed)) return count;
  }
}

void dismiss() { helpers.fetch_sub(1, std::memory_order_relaxed); }

void fill_classes(format::ClassTable& classes) {
  classes.count = heap::kClasses;
  for (unsigned i = 0; i < heap::kClasses; ++i) classes.bytes[i] = heap::kSizeClasses[i].size;
}

// A private copy: the program goes on counting in its own.
void copy_slot(const format::CounterSlot& from, format::CounterSlot& to) {
  static_assert(sizeof from % sizeof(format::Word) == 0);
  const auto* source = reinterpret_cast<const format::Word*>(&from);
  auto* target = reinterpret_cast<format::Word*>(&to);
  for (size_t i = 0; i < sizeof from / sizeof(format::Word); ++i)
    target[i].store(source[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
}

void fill_slot(format::CounterSlot& slot) {
  if (const format::CounterSlot* counted = statistics_slot()) {
    copy_slot(*counted, slot);
  } else {
    describe_process(slot, format::Birth::kUnknown, false);
    write_kernel_calls(slot);
  }
  write_figures(slot);
  write_resident(slot);
  write_usage(slot);
}

uint64_t pause_of(const Helper& helper) {
  const uint64_t pause = helper.pause_ns.load(std::memory_order_acquire);
  return pause != 0 ? pause : sys::monotonic_ns() - helper.begin_ns;
}

Answer judge(const Helper& helper, const format::Request& request) {
  const bool known = request.ask == format::Ask::kStats || request.ask == format::Ask::kLeaks ||
                     request.ask == format::Ask::kChain;
  if (request.version != format::kControlVersion || !known) return Answer::kUnknownRequest;
  return helper.serves ? Answer::kOk : Answer::kBusy;
}

bool send_on(void* connection, const void* from, size_t bytes) {
  return static_cast<Connection*>(connection)->send(from, bytes);
}

void serve_leaks(Helper& helper, Connection& connection, const format::Request& request) {
  format::ChainSubject subject{};
  const bool wants_chain = request.ask == format::Ask::kChain;
  if (wants_chain && !connection.receive(&subject, sizeof subject)) return;
  connection.set_deadline(sys::monotonic_ns() + uint64_t{format::kLeaksMilliseconds} * 1'000'000);
  LeakSearch search{send_on,     &connection,          helper.cookie,  0, {}, {}, 0, 0, 0,
                    wants_chain, subject.by_site != 0, subject.subject};
  for (const auto& place : helper_table) {
    const Helper* other = place.load(std::memory_order_acquire);
    if (other == nullptr) continue;
    const auto start = reinterpret_cast<uint64_t>(other);
    search.own[search.own_count] = {start, start + sizeof(Helper)};
    search.spared[search.own_count++] = other->thread.load(std::memory_order_relaxed);
  }
  search_leaks(search);
}

void serve(Helper& helper) {
  if (!sys::leave_descriptors()) return;
  Connection connection(helper.begin_ns + uint64_t{format::kAnswerMilliseconds} * 1'000'000);
  format::Request request{};
  if (!connection.open(helper.cookie) || !connection.receive(&request, sizeof request)) return;
  if (request.magic != format::kControlMagic || request.cookie != helper.cookie) return;
  const Answer answer = judge(helper, request);
  if (answer == Answer::kOk && request.ask != format::Ask::kStats)
    return serve_leaks(helper, connection, request);
  const uint64_t bytes = answer == Answer::kOk ? format::kStatsPayloadBytes : 0;
  if (bytes != 0) {
    fill_classes(helper.classes);
    fill_slot(helper.slot);
  }
  const format::Reply reply{format::kControlMagic, format::kControlVersion, helper.cookie, answer, 0,
                            sys::process_id(),     pause_of(helper),        bytes};
  if (!connection.send(&reply, sizeof reply) || bytes == 0) return;
  if (connection.send(&helper.classes, sizeof helper.classes))
    connection.send(&helper.slot, sizeof helper.slot);
}

void run_helper(void* argument) {
  auto& helper = *static_cast<Helper*>(argument);
  helper.thread.store(sys::thread_id(), std::memory_order_relaxed);
  serve(helper);
  leave(&helper);
  dismiss();
  // The handler writes into this memory last of all, and nothing but a debugger can hold it up.
  while (helper.pause_ns.load(std::memory_order_acquire) == 0) sys::yield();
  sys::leave_side_thread(&helper, sizeof helper);
}

// Not through sys::map: the question must not appear in the figures that answer it.
Helper* make_helper() {
  const long memory =
      sys::raw_call(SYS_mmap, 0, sizeof(Helper), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  return sys::failed(memory) ? nullptr : reinterpret_cast<Helper*>(memory);
}

void start_helper(uint64_t cookie) {
  const uint64_t begin = sys::monotonic_ns();
  const uint64_t count = enlist();
  if (count == 0) return;
  Helper* helper = make_helper();  // zeroed, which is what its atomics begin with
  if (helper != nullptr) {
    helper->cookie = cookie;
    helper->begin_ns = begin;
    helper->serves = count <= kMostServed;
    enter(helper);
    if (sys::start_side_thread(run_helper, helper, helper->stack + kStackBytes,
                               helper->storage + kStorageBytes / 2)) {
      helper->pause_ns.store(sys::monotonic_ns() - begin + 1, std::memory_order_release);
      return;
    }
    leave(helper);
    sys::raw_call(SYS_munmap, reinterpret_cast<long>(helper), sizeof(Helper));
  }
  dismiss();
}

// A signal that nobody queued with a cookie is not a question. Without us it would have ended the process.
void end_process() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  sigaction(kControlSignal, &standard, nullptr);
  sys::raw_call(SYS_tgkill, sys::process_id(), sys::thread_id(), kControlSignal);
}

void on_signal(int, siginfo_t* info, void* context) {
  if (scan::Stop::on_signal(info, context)) return;
  if (info->si_code == SI_QUEUE)
    start_helper(reinterpret_cast<uint64_t>(info->si_value.sival_ptr));
  else
    end_process();
}

}  // namespace

void prepare_control() {
  prepare_leaks();
  struct sigaction before{};
  if (sigaction(kControlSignal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) return;
  struct sigaction action{};
  action.sa_sigaction = on_signal;
  // On the alternate stack where there is one: the thread's own may be tiny. Every signal is blocked meanwhile, since the
  // side thread starts with the mask of the handler and must run no other.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  __builtin_memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
  sigaction(kControlSignal, &action, nullptr);
}

}  // namespace loam::runtime
