#include "tool/bench/replay_allocators.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "tool/bench/kernel_calls.hpp"
#include "tool/bench/spawn.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool::bench {
namespace {

namespace fs = std::filesystem;

std::string find_executor() {
  const std::string path = find_beside({"../libexec/loam/loam-executor"});
  if (path.empty()) {
    throw Failure(kExitUsage,
                  "loam-executor is missing: looked in ../libexec/loam beside " + executable_directory());
  }
  return path;
}

Failure failed(const Allocator& allocator, const std::string& what) {
  return {kExitFailure, fmt::format("replay under {}: {}", allocator.name, what)};
}

// Both ends of a pipe, for what the executor prints.
class Channel {
 public:
  Channel() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw Failure(kExitFailure, "cannot make a pipe");
    read_ = Descriptor(ends[0]);
    write_ = Descriptor(ends[1]);
  }
  int write_end() const { return write_.get(); }
  // What was written, when nobody else holds the other end any more.
  std::string text() {
    write_ = Descriptor();
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = read(read_.get(), buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(count));
    return text;
  }

 private:
  Descriptor read_;
  Descriptor write_;
};

struct Printed {
  std::map<std::string, std::uint64_t> numbers;
  std::string library;
};

Printed parse(const std::string& line) {
  Printed printed;
  const std::size_t library = line.find("malloc=");
  if (library != std::string::npos) printed.library = std::string(trim(line.substr(library + 7)));
  for (const std::string& word : split(line.substr(0, library), ' ')) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    printed.numbers[word.substr(0, equals)] = to_number(word.substr(equals + 1)).value_or(0);
  }
  return printed;
}

class Executor {
 public:
  Executor(const OperationFile& file, const ReplayRun& run)
      : path_(find_executor()),
        descriptor_(std::to_string(file.descriptor())),
        speed_(fmt::format("{}", run.speed)) {}

  AllocatorRound measure(const Allocator& allocator) const {
    Channel channel;
    const pid_t process = fork();
    if (process < 0) throw Failure(kExitFailure, "cannot start a process: " + error_text(errno));
    if (process == 0) become(allocator, channel.write_end(), false);
    const int status = finish(process);
    const Printed printed = check(allocator, status, channel.text());
    AllocatorRound round;
    const auto number = [&](const char* name) { return printed.numbers.at(name); };
    round.cpu_seconds = static_cast<double>(number("cpu_ns")) * 1e-9;
    round.wall_seconds = static_cast<double>(number("wall_ns")) * 1e-9;
    round.minor_faults = number("minor");
    round.major_faults = number("major");
    round.failed = number("failed");
    round.peak_bytes = (number("peak_kib") - std::min(number("peak_kib"), number("tables_kib"))) << 10;
    return round;
  }

  void trace(const Allocator& allocator, AllocatorReplay& replay) const {
    Channel channel;
    const Traced traced = count_kernel_calls([&] { become(allocator, channel.write_end(), true); });
    replay.calls = traced.calls;
    replay.calls_reason = traced.reason;
    if (!traced.calls) return;
    const int status = WIFSIGNALED(traced.wait_status) ? 128 + WTERMSIG(traced.wait_status)
                                                       : WEXITSTATUS(traced.wait_status);
    replay.broken = check(allocator, status, channel.text()).numbers.at("broken");
  }

 private:
  [[noreturn]] void become(const Allocator& allocator, int output, bool counted) const {
    dup2(output, STDOUT_FILENO);
    preload(allocator);
    const char* mode = counted ? "--counted" : nullptr;
    execl(path_.c_str(), path_.c_str(), "--speed", speed_.c_str(), descriptor_.c_str(), mode, nullptr);
    _exit(kExitNotFound);
  }

  Printed check(const Allocator& allocator, int status, const std::string& text) const {
    if (status > 128) throw failed(allocator, "killed by " + signal_text(status - 128));
    if (status != 0) throw failed(allocator, fmt::format("exit status {}", status));
    Printed printed = parse(text);
    for (const char* name :
         {"cpu_ns", "wall_ns", "minor", "major", "failed", "broken", "peak_kib", "tables_kib"}) {
      if (!printed.numbers.contains(name)) throw failed(allocator, "it printed \"" + text + "\"");
    }
    std::error_code error;
    if (!fs::equivalent(printed.library, allocator.library, error) || error)
      throw failed(allocator, "malloc was served by " + printed.library);
    return printed;
  }

  std::string path_;
  std::string descriptor_;
  std::string speed_;
};

}  // namespace

std::vector<AllocatorReplay> replay_allocators(const OperationFile& file,
                                               const std::vector<Allocator>& allocators,
                                               const ReplayRun& run) {
  const Executor executor(file, run);
  std::vector<AllocatorReplay> replays;
  for (const Allocator& allocator : allocators)
    replays.push_back({allocator.name, allocator.library, {}, {}, {}, 0});
  for (int round = 0; round < run.rounds; ++round) {
    for (std::size_t i = 0; i < allocators.size(); ++i)
      replays[i].rounds.push_back(executor.measure(allocators[i]));
  }
  for (std::size_t i = 0; i < allocators.size(); ++i) executor.trace(allocators[i], replays[i]);
  return replays;
}

}  // namespace loam::tool::bench
