#include "tool/commands/replay_verify.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "tool/commands/runtime_flags.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/launch.hpp"
#include "tool/model/program.hpp"
#include "tool/model/recording_events.hpp"
#include "tool/model/recording_reader.hpp"

namespace loam::tool {
namespace {

std::vector<std::string> program_of(const std::string& recording) {
  if (!is_recording(recording))
    throw Failure(kExitUsage, "replay: --verify needs a recording of loam record, which knows its program");
  RecordingEvents events(recording);
  HeapEvent event;
  events.next(event);
  std::vector<std::string> program = events.facts().program;
  if (program.empty()) throw Failure(kExitFailure, "replay: the recording does not tell its program");
  return program;
}

// A file without a name, for what the program writes to its standard error.
class Errors {
 public:
  Errors() {
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
    std::string name = (error ? "/tmp" : folder.string()) + "/loam-verify-XXXXXX";
    file_ = Descriptor(mkstemp(name.data()));
    if (!file_.valid())
      throw Failure(kExitFailure, fmt::format("cannot make a file like {}: {}", name, error_text(errno)));
    unlink(name.c_str());
  }
  int descriptor() const { return file_.get(); }
  std::string text() const {
    std::string text;
    std::string part(1U << 16, '\0');
    for (ssize_t got = 0;
         (got = pread(file_.get(), part.data(), part.size(), static_cast<off_t>(text.size()))) > 0;)
      text.append(part, 0, static_cast<std::size_t>(got));
    return text;
  }

 private:
  Descriptor file_;
};

// "loam: first-fit served 4 of 5 allocations; region 4096 bytes at its peak, ..."
bool read_line(const std::string& line, const std::string& policy, Verified& verified) {
  const std::string start = "loam: " + policy + " served ";
  if (!line.starts_with(start)) return false;
  unsigned long long served = 0;
  unsigned long long all = 0;
  unsigned long long peak = 0;
  if (std::sscanf(line.c_str() + start.size(), "%llu of %llu allocations; region %llu bytes", &served, &all,
                  &peak) != 3)
    return false;
  verified = {peak, served, all};
  return true;
}

}  // namespace

Verified verify(const std::string& recording, const VerifiedRun& run) {
  const std::vector<std::string> arguments = program_of(recording);
  const Program program = resolve_program(arguments.front());
  std::string settings = RuntimeFlags().settings();
  append_setting(settings, options::Key::kPolicy, run.policy);
  append_setting(settings, options::Key::kSource, run.source);
  append_setting(settings, options::Key::kPolicyHeader, std::to_string(run.header));
  append_setting(settings, options::Key::kPolicyBig, std::to_string(run.big));
  append_setting(settings, options::Key::kVerbose, "1");
  append_setting(settings, options::Key::kFollow, "0");
  const Errors errors;
  Launch launch;
  launch.path = program.path;
  launch.arguments = arguments;
  launch.environment = {{"LD_PRELOAD", before_preloaded(find_library(""))}, {"LOAM_OPTIONS", settings}};
  launch.in_child = [&errors] {
    const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing >= 0) dup2(nothing, STDOUT_FILENO);
    dup2(errors.descriptor(), STDERR_FILENO);
  };
  const Ended ended = run_program(launch);
  Verified verified;
  bool is_told = false;
  for (const std::string& line : split(errors.text(), '\n')) {
    if (read_line(line, run.policy, verified))
      is_told = true;
    else if (!line.empty() && !line.starts_with("loam: "))
      fmt::print(stderr, "{}\n", line);
  }
  if (!is_told || !WIFEXITED(ended.wait_status))
    throw Failure(kExitFailure,
                  fmt::format("replay: {} under {} did not end by itself", arguments.front(), run.policy));
  return verified;
}

}  // namespace loam::tool
