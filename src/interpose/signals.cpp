// The functions by which a program installs handlers. Those for bad accesses are kept by check mode, which looks at the access
// first; all others go on to the C library.
#include <errno.h>
#include <signal.h>

#include "interpose/next.hpp"
#include "runtime/interposed.hpp"

namespace {

using Sigaction = int(int, const struct sigaction*, struct sigaction*);
using Signal = sighandler_t(int, sighandler_t);
constinit std::atomic<Sigaction*> known_sigaction{nullptr};
constinit std::atomic<Signal*> known_signal{nullptr};
constinit std::atomic<Signal*> known_sysv{nullptr};

bool keeps(int signal, const struct sigaction* wanted, struct sigaction* before) {
  return loam_check_handler != nullptr && loam_check_handler(signal, wanted, before) != 0;
}

// signal() and its kin, which differ in the flags.
bool keeps(int signal, sighandler_t handler, int flags, sighandler_t* before) {
  struct sigaction wanted{};
  struct sigaction old{};
  wanted.sa_handler = handler;
  wanted.sa_flags = flags;
  if (handler == SIG_ERR || !keeps(signal, &wanted, &old)) return false;
  *before = old.sa_handler;
  return true;
}

sighandler_t restarting(int signal, sighandler_t handler) {
  sighandler_t before = SIG_DFL;
  if (keeps(signal, handler, SA_RESTART, &before)) return before;
  return loam::interpose::next(known_signal, "signal")(signal, handler);
}

sighandler_t one_shot(int signal, sighandler_t handler) {
  sighandler_t before = SIG_DFL;
  constexpr auto kOnce = static_cast<int>(SA_RESETHAND) | SA_NODEFER;
  if (keeps(signal, handler, kOnce, &before)) return before;
  return loam::interpose::next(known_sysv, "__sysv_signal")(signal, handler);
}

}  // namespace

LOAM_INTERPOSED int sigaction(int signal, const struct sigaction* wanted, struct sigaction* before) noexcept {
  if (keeps(signal, wanted, before)) return 0;
  return loam::interpose::next(known_sigaction, "sigaction")(signal, wanted, before);
}

LOAM_INTERPOSED int __sigaction(int signal, const struct sigaction* wanted,
                                struct sigaction* before) noexcept {
  return sigaction(signal, wanted, before);
}

LOAM_INTERPOSED sighandler_t signal(int number, sighandler_t handler) noexcept {
  return restarting(number, handler);
}

LOAM_INTERPOSED sighandler_t bsd_signal(int number, sighandler_t handler) noexcept {
  return restarting(number, handler);
}

LOAM_INTERPOSED sighandler_t ssignal(int number, sighandler_t handler) noexcept {
  return restarting(number, handler);
}

LOAM_INTERPOSED sighandler_t sysv_signal(int number, sighandler_t handler) noexcept {
  return one_shot(number, handler);
}

LOAM_INTERPOSED sighandler_t __sysv_signal(int number, sighandler_t handler) noexcept {
  return one_shot(number, handler);
}
