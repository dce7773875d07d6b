// Bad accesses: which block the address belongs to, and then whatever the program does about signals itself.
#include <signal.h>

#include "runtime/callers.hpp"
#include "runtime/checking.hpp"
#include "sys/access.hpp"
#include "sys/kernel.hpp"

namespace loam::runtime {

namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS};

// What the program wants done. Written before the mode is on, and by the program's own calls of sigaction.
constinit struct sigaction wanted[2] = {};
constinit bool goes_on = false;

struct sigaction& wanted_for(int signal) { return wanted[signal == SIGBUS ? 1 : 0]; }

void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction& action = wanted_for(signal);
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(signal, info, context);
  } else if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
    action.sa_handler(signal);
  } else {
    // The access is made again, and ends the process.
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    sigaction(signal, &standard, nullptr);
  }
}

// A jump to a bad address has left no trace but the return address of the call.
uint64_t last_known_instruction(const sys::Access& access) {
  if (access.kind != sys::AccessKind::kExecute) return access.instruction;
  return *reinterpret_cast<const uint64_t*>(access.stack) - 1;
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uint64_t>(info->si_addr);
  const sys::Access access = sys::access_of(context, address);
  check::Finding finding{};
  if (info->si_code > 0 && check::explain_fault(address, static_cast<check::Access>(access.kind), &finding)) {
    finding.instruction = last_known_instruction(access);
    finding.thread = sys::thread_id();
    write_finding(finding);
    if (goes_on && check::let_pass(address)) return;
  }
  pass_on(signal, info, context);
}

}  // namespace

void prepare_faults(bool keep_going) {
  goes_on = keep_going;
  for (const int signal : kSignals) {
    struct sigaction ours{};
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(signal, &ours, &wanted_for(signal));
  }
}

}  // namespace loam::runtime
