// A thread whose signals wait: for what a handler must not find halfway. The mask is the thread's own, no lock. The kernel's call, not libc's
// function, which keeps two signals for itself.
#pragma once

#include <csignal>
#include <cstdint>

#include "sys/syscall.hpp"

namespace loam::sys {

inline constexpr uint64_t kEverySignal = ~uint64_t{0};

constexpr uint64_t bit_of(int signal) { return uint64_t{1} << (signal - 1); }

// What the processor raises in the code itself: held, it would end the process without its handler.
inline constexpr uint64_t kOwnFaults =
    bit_of(SIGSEGV) | bit_of(SIGBUS) | bit_of(SIGFPE) | bit_of(SIGILL) | bit_of(SIGTRAP) | bit_of(SIGSYS);

// Returns the mask from before, for set_signal_mask().
inline uint64_t hold_signals(uint64_t mask) {
  uint64_t before = 0;
  raw_call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&mask), reinterpret_cast<long>(&before),
           sizeof mask);
  return before;
}

inline void set_signal_mask(uint64_t mask) {
  raw_call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&mask), 0, sizeof mask);
}

class HeldSignals {
 public:
  explicit HeldSignals(uint64_t mask) : before_(hold_signals(mask)) {}
  ~HeldSignals() { set_signal_mask(before_); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  uint64_t before_;
};

}  // namespace loam::sys
