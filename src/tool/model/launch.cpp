#include "tool/model/launch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr std::array kPassedOn = {SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,
                                  SIGUSR2, SIGALRM, SIGWINCH, SIGCONT};

std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

// Blocks the signals that the tool waits for, and puts the old mask back at the end. SIGCHLD must not be ignored
// meanwhile (a parent may have left it so): the kernel would reap the program and its status would be lost.
class Signals {
 public:
  Signals() {
    sigemptyset(&waited_);
    sigaddset(&waited_, SIGCHLD);
    for (const int signal : kPassedOn) sigaddset(&waited_, signal);
    struct sigaction by_default{};
    by_default.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &by_default, &child_before_);
    sigprocmask(SIG_BLOCK, &waited_, &before_);
  }
  ~Signals() { restore(); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  void restore() const {
    sigaction(SIGCHLD, &child_before_, nullptr);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

  // Waits until the child has ended, passing on what arrives meanwhile.
  void wait_for(Ended& child) const {
    while (true) {
      const pid_t ended = wait4(child.pid, &child.wait_status, WNOHANG, &child.usage);
      if (ended == child.pid) return;
      if (ended < 0 && errno != EINTR)
        throw Failure(kExitFailure, fmt::format("wait: {}", error_text(errno)));
      siginfo_t info{};
      const int signal = sigwaitinfo(&waited_, &info);
      if (signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM)
        child.stop_signal = signal;
      // The terminal sends to its whole foreground group (SI_KERNEL): the program has that signal already.
      if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL) kill(child.pid, signal);
    }
  }

 private:
  sigset_t waited_{};
  sigset_t before_{};
  struct sigaction child_before_{};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

[[noreturn]] void become(const Launch& launch, const Signals& signals, int report) {
  if (launch.in_child) launch.in_child();
  for (const auto& [name, value] : launch.environment) {
    setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): the child has one thread
  }
  signals.restore();
  const std::vector<char*> arguments = pointers(launch.arguments);
  execvp(launch.path.c_str(), arguments.data());
  const int error = errno;
  [[maybe_unused]] const ssize_t told = write(report, &error, sizeof error);
  _exit(kExitNotExecutable);
}

}  // namespace

Ended run_program(const Launch& launch) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Failure(kExitRefused, fmt::format("pipe: {}", error_text(errno)));
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const Signals signals;
  Ended child;
  const std::uint64_t start = now_ns();
  child.pid = fork();
  if (child.pid < 0) throw Failure(kExitRefused, fmt::format("fork: {}", error_text(errno)));
  if (child.pid == 0) become(launch, signals, writing.get());
  writing = Descriptor();
  int error = 0;
  ssize_t got = 0;
  do {
    got = read(reading.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  signals.wait_for(child);
  child.wall_ns = now_ns() - start;
  if (got == sizeof error) {
    throw Failure(error == ENOENT ? kExitNotFound : kExitNotExecutable,
                  fmt::format("cannot run '{}': {}", launch.path, error_text(error)));
  }
  return child;
}

int pass_status_on(int wait_status) {
  if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status);
  const int signal = WTERMSIG(wait_status);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  std::signal(signal, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  sigprocmask(SIG_UNBLOCK, &only, nullptr);
  raise(signal);
  return 128 + signal;
}

}  // namespace loam::tool
