#include "tool/bench/kernel_calls.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "format/operations.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool::bench {
namespace {

constexpr int kNoTrace = 120;
constexpr int kNoFilter = 121;

constexpr std::array kWatched = {SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect, SYS_brk};

bool install_filter() {
  std::array<sock_filter, kWatched.size() + 3> program{};
  program[0] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  for (std::size_t i = 0; i < kWatched.size(); ++i) {
    program[i + 1] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(kWatched[i]),
                              static_cast<std::uint8_t>(kWatched.size() - i), 0);
  }
  program[kWatched.size() + 1] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  program[kWatched.size() + 2] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

[[noreturn]] void become_traced(const std::function<void()>& become) {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(kNoTrace);
  raise(SIGSTOP);
  if (!install_filter()) _exit(kNoFilter);
  become();
  _exit(kExitNotFound);
}

class Tracer {
 public:
  // A thread stands at a call that the filter watches.
  void look(pid_t thread) {
    __ptrace_syscall_info info{};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_SECCOMP) {
      failed_ = true;
      return;
    }
    const auto call = static_cast<long>(info.seccomp.nr);
    if (call == SYS_madvise && info.seccomp.args[2] == static_cast<std::uint64_t>(format::kOperationsMark)) {
      is_counting_ = !is_counting_;
    } else if (is_counting_) {
      ++*counter_of(call);
    }
  }
  bool failed() const { return failed_; }
  const KernelCalls& calls() const { return calls_; }

 private:
  std::uint64_t* counter_of(long call) {
    if (call == SYS_mmap) return &calls_.map;
    if (call == SYS_munmap) return &calls_.unmap;
    if (call == SYS_mremap) return &calls_.remap;
    if (call == SYS_madvise) return &calls_.advise;
    if (call == SYS_mprotect) return &calls_.protect;
    return &calls_.move_break;
  }

  KernelCalls calls_;
  bool is_counting_ = false;
  bool failed_ = false;
};

// Until the program has ended; its wait status.
int follow(pid_t program, Tracer& tracer) {
  for (;;) {
    int status = 0;
    const pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) throw Failure(kExitFailure, "a traced program was lost: " + error_text(errno));
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread == program) return status;
      continue;
    }
    const int event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP) tracer.look(thread);
    // A new thread begins with a stop of its own, which is no signal to it.
    const int signal = event != 0 || WSTOPSIG(status) == SIGSTOP ? 0 : WSTOPSIG(status);
    ptrace(PTRACE_CONT, thread, nullptr, signal);
  }
}

}  // namespace

Traced count_kernel_calls(const std::function<void()>& become) {
  const pid_t program = fork();
  if (program < 0) throw Failure(kExitFailure, "cannot start a process: " + error_text(errno));
  if (program == 0) become_traced(become);
  Traced traced;
  int status = 0;
  while (waitpid(program, &status, __WALL) < 0 && errno == EINTR) continue;
  if (!WIFSTOPPED(status)) {
    traced.reason = "this machine lets no process trace its child";
    traced.wait_status = 0;
    return traced;
  }
  constexpr long kOptions =
      PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC;
  ptrace(PTRACE_SETOPTIONS, program, nullptr, kOptions);
  ptrace(PTRACE_CONT, program, nullptr, 0);
  Tracer tracer;
  traced.wait_status = follow(program, tracer);
  if (WIFEXITED(traced.wait_status) && WEXITSTATUS(traced.wait_status) == kNoFilter) {
    traced.reason = "this machine allows no filter of system calls";
    traced.wait_status = 0;
  } else if (tracer.failed()) {
    traced.reason = "the kernel does not tell which call a program stands at";
  } else {
    traced.calls = tracer.calls();
  }
  return traced;
}

}  // namespace loam::tool::bench
