#include "sys/process_copy.hpp"

#include <fcntl.h>
#include <linux/wait.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "sys/syscall.hpp"

namespace loam::sys {

namespace {

// For what only makes the copy a better guest: if it fails, the copy still does its work.
void settle_down() {
  raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  raw_call(SYS_prctl, PR_SET_NAME, reinterpret_cast<long>("loam-snapshot"));
  // Beside hundreds of threads that run it would get one part in hundreds, and keep two copies of each page that they write for so
  // long. A session of its own is a group of its own where the kernel shares by groups (autogroup); to be preferred takes a right.
  raw_call(SYS_setsid);
  constexpr long kMostPreferred = -20;
  raw_call(SYS_setpriority, PRIO_PROCESS, 0, kMostPreferred);
  const rlimit none{0, 0};
  raw_call(SYS_prlimit64, 0, RLIMIT_CORE, reinterpret_cast<long>(&none), 0);
  const long file = raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/oom_score_adj"),
                             O_WRONLY | O_CLOEXEC);
  if (failed(file)) return;
  raw_call(SYS_write, file, reinterpret_cast<long>("1000"), 4);
  raw_call(SYS_close, file);
}

}  // namespace

long copy_process() {
  const long copy = raw_call(SYS_clone, 0, 0, 0, 0, 0);  // no flag, no signal at the end
  if (copy == 0) settle_down();
  return copy;
}

bool wait_for_copy(long copy) {
  int status = 0;
  for (;;) {
    const long waited = raw_call(SYS_wait4, copy, reinterpret_cast<long>(&status), __WALL, 0);
    if (waited == copy) return status == 0;
    constexpr long kInterrupted = -4;  // EINTR
    if (waited != kInterrupted) return false;
  }
}

void kill_copy(long copy) { raw_call(SYS_kill, copy, SIGKILL); }

void leave_copy(int status) {
  raw_call(SYS_exit_group, status);
  __builtin_unreachable();
}

}  // namespace loam::sys
