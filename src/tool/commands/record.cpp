// `loam record`: everything that a program does to its heap, in a file.

#include <fmt/format.h>
#include <sys/wait.h>

#include <filesystem>
#include <memory>

#include "tool/commands/arguments.hpp"
#include "tool/commands/commands.hpp"
#include "tool/commands/runtime_flags.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/launch.hpp"
#include "tool/model/program.hpp"
#include "tool/model/record_session.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {
namespace {

struct RecordOptions {
  std::string output;
  std::string library;
  bool no_stacks = false;
  bool no_follow = false;
};

std::string ending_of(int status) {
  if (WIFEXITED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
  return fmt::format("killed by signal {} ({})", WTERMSIG(status), signal_text(WTERMSIG(status)));
}

// Of a process that did nothing, no file is left.
std::string line_of(const Recorded& recorded) {
  if (!recorded.failure.empty())
    return fmt::format("  process {}: {}; recorded up to there: {} events\n", recorded.pid, recorded.failure,
                       with_thousands(recorded.events));
  std::string line = fmt::format(
      "  {}: {} events of process {}, {}, {:.2f} bytes each\n", recorded.path,
      with_thousands(recorded.events), recorded.pid, human_bytes(recorded.bytes),
      recorded.events == 0 ? 0.0
                           : static_cast<double>(recorded.bytes) / static_cast<double>(recorded.events));
  if (recorded.cut)
    line += fmt::format("    cut: nobody took the events for a second; {} behind are not there\n",
                        with_thousands(recorded.dropped));
  else if (recorded.dropped > 0)
    line += fmt::format("    {} events in signal handlers are not there\n", with_thousands(recorded.dropped));
  if (recorded.lives_on) line += "    the process lives on, its recording ends here\n";
  return line;
}

void record(const RecordOptions& options) {
  if (program_arguments().empty())
    throw Failure(kExitUsage, "record: no program given; see 'loam record --help'");
  const std::vector<std::string>& arguments = program_arguments();
  const Program program = resolve_program(arguments.front());
  const std::string library = find_library(options.library);
  for (const std::string& warning : program.warnings) fmt::print(stderr, "loam: warning: {}\n", warning);
  const std::string name = std::filesystem::path(program.path).filename();
  RecordSession session(options.output.empty() ? name + ".loam" : options.output, arguments);
  std::string settings = RuntimeFlags().settings();
  append_setting(settings, options::Key::kRecord, session.folder());
  append_setting(settings, options::Key::kRecordStacks, options.no_stacks ? "0" : "1");
  if (options.no_follow) append_setting(settings, options::Key::kFollow, "0");
  Launch launch;
  launch.path = program.path;
  launch.arguments = arguments;
  launch.environment = {{"LD_PRELOAD", before_preloaded(library)}, {"LOAM_OPTIONS", settings}};
  session.start();
  const Ended ended = run_program(launch);
  const std::vector<Recorded> all =
      session.stop(static_cast<std::uint32_t>(ended.pid), ending_of(ended.wait_status));
  std::string text = "loam record:\n";
  constexpr std::size_t kShown = 8;
  std::uint64_t more = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i < kShown || all[i].cut || !all[i].failure.empty())
      text += line_of(all[i]);
    else
      more += all[i].events;
  }
  if (all.size() > kShown)
    text +=
        fmt::format("  and up to {} more beside it: {} events\n", all.size() - kShown, with_thousands(more));
  if (all.empty()) text += "  nothing was recorded: loam did not start in the program\n";
  text += fmt::format("  draining took {} of processor time\n",
                      human_ns(static_cast<double>(session.drain_cpu_ns())));
  write_output("", stderr, text);
  set_exit_status(pass_status_on(ended.wait_status));
}

}  // namespace

void register_record(CLI::App& app) {
  CLI::App& command = add_command(
      app, "record", "Record everything that a program does to its heap",
      "Each process has a file of its own: FILE for the program, FILE.PID for its children and what they "
      "execute.\n"
      "When the tool is stopped for over a second the recording is cut there, and the program goes on.\n\n"
      "Exit status: that of the program. 1 the file cannot be written, 2 wrong usage, 125 loam cannot serve\n"
      "the program, 126 program not executable, 127 program not found.\n\n"
      "Examples:\n"
      "  loam record -- python3 script.py\n"
      "  loam record -o server.loam -- ./server --once && loam report server.loam",
      Takes::kProgram);
  auto options = std::make_shared<RecordOptions>();
  add_text(command, "-o,--output", options->output, "FILE", "The recording; PROGRAM.loam unless given");
  add_flag(
      command, "--stacks", [options] { options->no_stacks = false; },
      "With the stacks of allocations: as without a word");
  add_flag(command, "--no-stacks", options->no_stacks, "Without the stacks of allocations: cheaper");
  add_flag(command, "--no-follow", options->no_follow, "Record the program alone, not its children");
  add_text(command, "--library", options->library, "FILE",
           "Preload this libloam.so instead of the one beside the tool");
  on_run(command, [options] { record(*options); });
}

}  // namespace loam::tool
