// loam-measure: runs one program and writes what it cost into a file, for `loam bench`.
//
// It is a small static executable of its own because the kernel's peak RSS of a program includes that of the process
// image it was forked from: forked from a large tool, every small program would seem to need as much as the tool.
// Invariant: nothing here is ever served by a preloaded malloc (static), and the result file is written only when the
// program has been waited for.
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>

namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 1;
constexpr int kNotExecuted = 127;
constexpr int kMaximumVariables = 64;

struct Options {
  const char* result = nullptr;
  const char* input = "/dev/null";
  const char* output = "/dev/null";
  const char* errors = "/dev/null";
  const char* directory = nullptr;
  unsigned timeout = 0;
  char* variables[kMaximumVariables + 1] = {};
  int variable_count = 0;
  char** command = nullptr;
};

volatile sig_atomic_t child_group = 0;

void on_alarm(int /*signal*/) { kill(-static_cast<pid_t>(child_group), SIGKILL); }

void usage(std::FILE* out) {
  std::fputs(
      "Usage: loam-measure --result FILE [options] -- PROGRAM ARGS...\n"
      "Runs PROGRAM and writes its cost to FILE as one JSON object.\n\n"
      "  --env NAME=VALUE   a variable of the program's environment, which is otherwise empty (repeatable)\n"
      "  --stdin FILE, --stdout FILE, --stderr FILE   (default /dev/null)\n"
      "  --chdir DIRECTORY\n"
      "  --timeout SECONDS  kill the program and its children after that\n\n"
      "Exit status: 0 the program was run and waited for (its own status is in FILE), 1 it could not be, 2 "
      "usage.\n\n"
      "Example: loam-measure --result cost.json --env LD_PRELOAD=libloam.so -- /usr/bin/perl script.pl\n",
      out);
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const char* word = argv[i];
    if (std::strcmp(word, "--") == 0) {
      options.command = argv + i + 1;
      break;
    }
    if (i + 1 >= argc) return false;
    char* value = argv[++i];
    if (std::strcmp(word, "--result") == 0) {
      options.result = value;
    } else if (std::strcmp(word, "--stdin") == 0) {
      options.input = value;
    } else if (std::strcmp(word, "--stdout") == 0) {
      options.output = value;
    } else if (std::strcmp(word, "--stderr") == 0) {
      options.errors = value;
    } else if (std::strcmp(word, "--chdir") == 0) {
      options.directory = value;
    } else if (std::strcmp(word, "--timeout") == 0) {
      options.timeout = static_cast<unsigned>(std::atoi(value));
    } else if (std::strcmp(word, "--env") == 0 && options.variable_count < kMaximumVariables) {
      options.variables[options.variable_count++] = value;
    } else {
      return false;
    }
  }
  return options.result != nullptr && options.command != nullptr && options.command[0] != nullptr;
}

void redirect(const char* path, int flags, int descriptor) {
  const int opened = open(path, flags | O_CLOEXEC, 0644);
  if (opened < 0 || dup2(opened, descriptor) < 0) _exit(kNotExecuted);
}

// Waits for the parent's word (it attaches the counter first), then becomes the program.
[[noreturn]] void become_program(const Options& options, int start_pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);
  char byte = 0;
  if (read(start_pipe, &byte, 1) != 1) _exit(kNotExecuted);
  redirect(options.input, O_RDONLY, STDIN_FILENO);
  redirect(options.output, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(options.errors, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  if (options.directory != nullptr && chdir(options.directory) != 0) _exit(kNotExecuted);
  execve(options.command[0], options.command, const_cast<char* const*>(options.variables));
  _exit(kNotExecuted);
}

struct CycleCounter {
  int descriptor = -1;
  const char* reason = "";  // why there is no figure
  bool is_user_only = false;
};

CycleCounter attach_counter(pid_t child) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_HW_CPU_CYCLES;
  attributes.disabled = 1;
  attributes.inherit = 1;
  attributes.enable_on_exec = 1;
  CycleCounter counter;
  for (const bool user_only : {false, true}) {
    attributes.exclude_kernel = user_only ? 1 : 0;
    const long descriptor = syscall(SYS_perf_event_open, &attributes, child, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (descriptor < 0) continue;
    counter.descriptor = static_cast<int>(descriptor);
    counter.is_user_only = user_only;
    return counter;
  }
  counter.reason = std::strerror(errno);
  return counter;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

bool write_result(const char* path, int status, double wall, const rusage& usage,
                  const CycleCounter& counter) {
  std::FILE* file = std::fopen(path, "we");
  if (file == nullptr) return false;
  std::fprintf(file, "{\"exit\":%d,\"signal\":%d,\"wall\":%.6f,\"user\":%.6f,\"system\":%.6f,",
               WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0, wall,
               seconds(usage.ru_utime), seconds(usage.ru_stime));
  std::fprintf(file, "\"peak_rss_kib\":%ld,\"minor_faults\":%ld,\"major_faults\":%ld,", usage.ru_maxrss,
               usage.ru_minflt, usage.ru_majflt);
  std::uint64_t cycles = 0;
  if (counter.descriptor >= 0 && read(counter.descriptor, &cycles, sizeof cycles) == sizeof cycles &&
      cycles != 0) {
    std::fprintf(file, "\"cycles\":%llu,\"cycles_user_only\":%s,\"cycles_reason\":null}\n",
                 static_cast<unsigned long long>(cycles), counter.is_user_only ? "true" : "false");
  } else {
    std::fprintf(file,
                 "\"cycles\":null,\"cycles_user_only\":false,\"cycles_reason\":\"perf_event_open: %s\"}\n",
                 counter.descriptor >= 0 ? "the counter stayed at zero" : counter.reason);
  }
  return std::fclose(file) == 0;
}

int measure(const Options& options) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody would read the result
  int start_pipe[2];
  if (pipe2(start_pipe, O_CLOEXEC) != 0) return kFailed;
  const pid_t child = fork();
  if (child < 0) return kFailed;
  if (child == 0) become_program(options, start_pipe[0]);
  setpgid(child, child);
  child_group = child;
  const CycleCounter counter = attach_counter(child);
  std::signal(SIGALRM, on_alarm);
  if (options.timeout > 0) alarm(options.timeout);
  const double start = now();
  if (write(start_pipe[1], "g", 1) != 1) return kFailed;
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0) {
    if (errno != EINTR) return kFailed;
  }
  const double wall = now() - start;
  return write_result(options.result, status, wall, usage, counter) ? 0 : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    usage(stdout);
    return 0;
  }
  Options options;
  if (!parse(argc, argv, options)) {
    usage(stderr);
    return kUsage;
  }
  const int status = measure(options);
  if (status != 0) std::fprintf(stderr, "loam-measure: %s: %s\n", options.command[0], std::strerror(errno));
  return status;
}
