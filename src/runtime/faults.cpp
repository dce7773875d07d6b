// Bad accesses: which block the address belongs to, and then whatever the program wants done about the signal.
//
// The program's own handlers are kept here, and called with the mask that the kernel would have called them with. Handlers are
// published by storing the number of the entry that holds them, so that a handler always reads a whole one.
#include <signal.h>

#include <atomic>

#include "runtime/call_stacks.hpp"
#include "runtime/checking.hpp"
#include "runtime/interposed.hpp"
#include "stack/modules.hpp"
#include "sys/access.hpp"
#include "sys/held_signals.hpp"
#include "sys/kernel.hpp"
#include "sys/syscall.hpp"

namespace loam::runtime {

namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS};
constexpr unsigned kEntries = 16;  // a reader is done before its entry comes around

struct Wanted {
  std::atomic<unsigned> current{0};
  std::atomic<unsigned> next{0};
  struct sigaction entries[kEntries] = {};

  struct sigaction get() const { return entries[current.load(std::memory_order_acquire) % kEntries]; }
  void set(const struct sigaction& action) {
    const unsigned entry = next.fetch_add(1, std::memory_order_relaxed) + 1;
    entries[entry % kEntries] = action;
    current.store(entry, std::memory_order_release);
  }
};

constinit Wanted wanted[2];
constinit std::atomic<bool> installed{false};
constinit bool goes_on = false;

Wanted& wanted_for(int signal) { return wanted[signal == SIGBUS ? 1 : 0]; }

// The C library's own, also where libloam-check.so stands in front of it.
int set_action(int signal, const struct sigaction* action, struct sigaction* before) {
  using Function = int(int, const struct sigaction*, struct sigaction*);
  auto* next = reinterpret_cast<Function*>(next_symbol("sigaction"));
  return next == nullptr ? sigaction(signal, action, before) : next(signal, action, before);
}

// As if nobody had handled the signal: the access is made again and ends the process, or the signal is sent again.
void die_of(int signal, const siginfo_t& info) {
  write_watched(false);
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  set_action(signal, &standard, nullptr);
  check::fault_plainly(reinterpret_cast<uint64_t>(info.si_addr));
  if (info.si_code <= 0) sys::raw_call(SYS_tgkill, sys::process_id(), sys::thread_id(), signal);
}

void set_mask(const struct sigaction& action, int signal, const ucontext_t& context) {
  uint64_t mask = 0;
  uint64_t more = 0;
  __builtin_memcpy(&mask, &context.uc_sigmask, sizeof mask);
  __builtin_memcpy(&more, &action.sa_mask, sizeof more);
  mask |= more;
  if ((action.sa_flags & SA_NODEFER) == 0) mask |= sys::bit_of(signal);
  sys::set_signal_mask(mask);
}

void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction action = wanted_for(signal).get();
  const bool plain = (action.sa_flags & SA_SIGINFO) == 0;
  if (plain && action.sa_handler == SIG_IGN && info->si_code <= 0) return;
  // The kernel does not let a bad access be ignored.
  if (plain && (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)) return die_of(signal, *info);
  if ((static_cast<unsigned>(action.sa_flags) & SA_RESETHAND) != 0) {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    wanted_for(signal).set(standard);
  }
  set_mask(action, signal, *static_cast<const ucontext_t*>(context));
  if (plain)
    action.sa_handler(signal);
  else
    action.sa_sigaction(signal, info, context);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uint64_t>(info->si_addr);
  const sys::Access access = sys::access_of(context, address);
  check::Finding finding{};
  if (info->si_code > 0 && check::explain_fault(address, static_cast<check::Access>(access.kind), &finding)) {
    finding.here = stack_of_access(context, access.kind);
    finding.exact = access.kind != sys::AccessKind::kExecute;
    finding.thread = sys::thread_id();
    write_finding(finding);
    if (goes_on && check::let_pass(address)) return;
  }
  if (signal == SIGBUS && check::covers(address)) {
    // How the pages are kept away is nothing that a program's handler, or whoever started it, should have to know.
    siginfo_t plain = *info;
    plain.si_signo = SIGSEGV;
    plain.si_code = SEGV_ACCERR;
    pass_on(SIGSEGV, &plain, context);
  } else {
    pass_on(signal, info, context);
  }
}

}  // namespace

void prepare_faults(bool keep_going) {
  goes_on = keep_going;
  for (const int signal : kSignals) {
    struct sigaction ours{};
    struct sigaction before{};
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    set_action(signal, &ours, &before);
    wanted_for(signal).set(before);
  }
  installed.store(true, std::memory_order_release);
}

}  // namespace loam::runtime

extern "C" __attribute__((visibility("default"))) int loam_check_handler(int signal,
                                                                         const struct sigaction* wanted,
                                                                         struct sigaction* before) {
  using namespace loam::runtime;
  if ((signal != SIGSEGV && signal != SIGBUS) || !installed.load(std::memory_order_acquire)) return 0;
  const struct sigaction now = wanted_for(signal).get();
  if (wanted != nullptr) wanted_for(signal).set(*wanted);
  if (before != nullptr) *before = now;
  return 1;
}

extern "C" __attribute__((visibility("default"))) void loam_check_unloading() {
  if (loam::runtime::mode() == loam::runtime::Mode::kCheck) loam::stack::modules_changed();
}

extern "C" __attribute__((visibility("default"))) void loam_check_filters() {
  if (loam::runtime::mode() == loam::runtime::Mode::kCheck) loam::check::before_filter();
}

extern "C" __attribute__((visibility("default"))) void loam_check_executes(const char* path) {
  if (loam::runtime::mode() == loam::runtime::Mode::kCheck) loam::runtime::write_program(path);
}
