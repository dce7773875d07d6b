// `loam run`: puts libloam.so under a program, passes its status on, and reports what its heap cost.

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "options/parse.hpp"
#include "tool/commands/commands.hpp"
#include "tool/commands/output_options.hpp"
#include "tool/commands/runtime_flags.hpp"
#include "tool/model/counter_file.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/launch.hpp"
#include "tool/model/leak_report.hpp"
#include "tool/model/leaks_folder.hpp"
#include "tool/model/program.hpp"
#include "tool/model/run_report.hpp"
#include "tool/render/leaks.hpp"
#include "tool/render/run.hpp"

namespace loam::tool {
namespace {

struct RunOptions {
  OutputOptions output;
  RuntimeFlags flags;
  std::string stats;  // "": off, "true": report to standard error, else the file to write it to
  std::string library;
  std::string leaks;  // "": off, "true": report to standard error, else the file to write it to
  bool no_follow = false;

  bool counting() const { return !stats.empty() && stats != "false"; }
  std::string report_file() const { return stats == "true" ? output.output : stats; }
};

void check(const RunOptions& options) {
  if (program_arguments().empty()) throw Failure(kExitUsage, "run: no program given; see 'loam run --help'");
  if (!options.counting() && options.leaks.empty() &&
      (options.output.json() || !options.output.output.empty() || options.no_follow)) {
    throw Failure(kExitUsage, "run: --format, --output and --no-follow need --stats or --leaks");
  }
  if (options.flags.has(options::Key::kPolicy) && (options.counting() || !options.leaks.empty())) {
    throw Failure(
        kExitUsage,
        "run: --stats and --leaks look at loam's own heap, which --policy does not use; --verbose tells what "
        "the policy did");
  }
  if (options.stats != "true" && !options.output.output.empty() && options.counting()) {
    throw Failure(kExitUsage, "run: --stats=FILE and --output FILE both name the file of the report");
  }
}

void report_leaks(const RunOptions& options, const LeaksFolder& folder) {
  std::vector<std::string> failed;
  const std::vector<LeakReport> reports = read_leaks_folder(folder.path(), failed);
  const std::string file = options.leaks == "true" ? "" : options.leaks;
  const Palette palette = file.empty() ? Palette::for_file(stderr) : Palette(false);
  std::string text;
  std::size_t clean = 0;
  for (const LeakReport& report : reports) {
    if (report.groups.empty())
      ++clean;
    else
      text += leaks_text(report, {}, palette);
  }
  if (clean > 0)
    text += fmt::format("{} {} ended with nothing lost\n", clean, clean == 1 ? "process" : "processes");
  for (const std::string& line : failed) fmt::print(stderr, "loam: {}\n", line);
  write_output(file, stderr, options.output.json() ? leaks_json(reports, {}) : text);
}

// A report that cannot be written must not cost the whole run of the program: find out before.
void check_writable(const std::string& path) {
  if (!path.empty()) write_output(path, stderr, "");
}

// The run cannot be had again, so a report that its file has no room for is printed.
void write_report(const std::string& file, const std::string& report) {
  try {
    write_output(file, stderr, report);
  } catch (const Failure& failure) {
    if (file.empty()) throw;
    fmt::print(stderr, "loam: {}; the report follows\n", failure.what());
    write_output("", stderr, report);
  }
}

void run(const RunOptions& options) {
  check(options);
  const std::vector<std::string>& arguments = program_arguments();
  const Program program = resolve_program(arguments.front());
  const std::string library = find_library(options.library);
  for (const std::string& warning : program.warnings) fmt::print(stderr, "loam: warning: {}\n", warning);

  std::string settings = options.flags.settings();
  std::unique_ptr<CounterFile> counters;
  Launch launch;
  if (options.counting()) {
    check_writable(options.report_file());
    counters = std::make_unique<CounterFile>(!options.no_follow);
    append_setting(settings, options::Key::kStats, counters->path());
    append_setting(settings, options::Key::kFollow, options.no_follow ? "0" : "1");
    format::CounterHeader& header = counters->header();
    launch.in_child = [&header] { header.root_pid.store(static_cast<std::uint64_t>(getpid())); };
  }
  std::unique_ptr<LeaksFolder> leaks;
  if (!options.leaks.empty()) {
    leaks = std::make_unique<LeaksFolder>();
    append_setting(settings, options::Key::kLeaks, leaks->path());
  }
  launch.path = program.path;
  launch.arguments = arguments;
  launch.environment = {{"LD_PRELOAD", before_preloaded(library)}};
  if (!settings.empty()) launch.environment.emplace_back("LOAM_OPTIONS", settings);
  const Ended ended = run_program(launch);
  if (counters != nullptr) {
    const RunReport report = make_report(arguments, ended, *counters);
    const std::string file = options.report_file();
    const Palette palette = file.empty() ? Palette::for_file(stderr) : Palette(false);
    write_report(file, options.output.json() ? run_json(report) : run_text(report, palette));
  }
  if (leaks != nullptr) report_leaks(options, *leaks);
  leaks.reset();
  counters.reset();
  set_exit_status(pass_status_on(ended.wait_status));
}

}  // namespace

void register_run(CLI::App& app) {
  CLI::App& command = add_command(
      app, "run", "Run a program on loam's malloc, and tell what its heap cost",
      "Exit status: that of the program; the signal that killed it kills loam run too. 2 wrong usage,\n"
      "125 loam cannot serve the program (static, setuid, other architecture, own malloc),\n"
      "126 program not executable, 127 program not found.\n\n"
      "Examples:\n"
      "  loam run -- redis-server --port 7000\n"
      "  loam run --stats -- python3 script.py\n"
      "  loam run --policy best-fit --source sbrk --verbose -- python3 script.py\n"
      "  loam run --stats=report.json --format json --source sbrk -- make -j2",
      Takes::kProgram);
  auto options = std::make_shared<RunOptions>();
  add_flag_or_file(command, "--stats", options->stats,
                   "Count every call; report at the end to standard error, or with --stats=FILE to FILE");
  add_flag_or_file(
      command, "--leaks", options->leaks,
      "Search for leaks when the program and its children end; report to standard error, or to FILE");
  options->output.add_to(command, "standard error");
  add_flag(command, "--no-follow", options->no_follow, "Count the program alone, not its children");
  options->flags.add_to(command);
  add_text(command, "--library", options->library, "FILE",
           "Preload this libloam.so instead of the one beside the tool");
  on_run(command, [options] { run(*options); });
}

}  // namespace loam::tool
