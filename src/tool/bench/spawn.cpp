#include "tool/bench/spawn.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool::bench {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& command) {
  std::vector<char*> result;
  result.reserve(command.size() + 1);
  for (const std::string& word : command) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

pid_t spawn(const std::vector<std::string>& command, posix_spawn_file_actions_t* actions) {
  pid_t process = 0;
  const std::vector<char*> arguments = pointers(command);
  const int error = posix_spawn(&process, command[0].c_str(), actions, nullptr, arguments.data(), environ);
  if (error != 0) throw Failure(kExitFailure, command[0] + " could not be started: " + error_text(error));
  return process;
}

}  // namespace

pid_t start(const std::vector<std::string>& command, const std::string& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (!output.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0644);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  }
  try {
    const pid_t process = spawn(command, &actions);
    posix_spawn_file_actions_destroy(&actions);
    return process;
  } catch (...) {
    posix_spawn_file_actions_destroy(&actions);
    throw;
  }
}

int finish(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return kExitFailure;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool has_ended(pid_t process) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid != 0;
}

int run_plainly(const std::vector<std::string>& command) { return finish(start(command, {})); }

std::string capture(const std::vector<std::string>& command) {
  std::array<int, 2> channel{};
  if (pipe2(channel.data(), O_CLOEXEC) != 0) throw Failure(kExitFailure, "cannot make a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, channel[1], STDOUT_FILENO);
  const pid_t process = spawn(command, &actions);
  posix_spawn_file_actions_destroy(&actions);
  close(channel[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = read(channel[0], buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  close(channel[0]);
  if (finish(process) != 0) throw Failure(kExitFailure, command[0] + " failed");
  return text;
}

}  // namespace loam::tool::bench
