// `loam check`: runs a program with every block watched, and says what it did wrong with them.

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "tool/commands/commands.hpp"
#include "tool/commands/runtime_flags.hpp"
#include "tool/model/check_leaks.hpp"
#include "tool/model/check_report.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/launch.hpp"
#include "tool/model/leaks_folder.hpp"
#include "tool/model/program.hpp"
#include "tool/render/check.hpp"

namespace loam::tool {
namespace {

struct CheckOptions {
  std::string format = "text";
  std::string output;
  std::string suppressions;
  std::string library;
  std::string quarantine;
  std::string guard_first;
  std::string guard_rate;
  std::string leaks = "definite";
  int exit_code = kExitFindings;
  bool thorough = false;
  bool full = false;
  bool flip = false;
  bool keep_going = false;
};

// With the one that stands beside it.
std::string preload(const std::string& library) {
  const std::filesystem::path beside = std::filesystem::path(library).parent_path() / "libloam-check.so";
  std::error_code error;
  const std::string both = std::filesystem::exists(beside, error) ? beside.string() + ":" + library : library;
  return before_preloaded(both);
}

std::string settings_for(const CheckOptions& options, const std::string& path, const std::string& leaks) {
  std::string settings = RuntimeFlags().settings();
  append_setting(settings, options::Key::kCheck, path);
  append_setting(settings, options::Key::kCheckTier, options.full ? "2" : options.thorough ? "1" : "0");
  if (options.leaks != "no") append_setting(settings, options::Key::kLeaks, leaks);
  if (options.flip) append_setting(settings, options::Key::kFlip, "1");
  if (options.keep_going) append_setting(settings, options::Key::kKeepGoing, "1");
  if (!options.quarantine.empty()) append_setting(settings, options::Key::kQuarantine, options.quarantine);
  if (!options.guard_first.empty()) append_setting(settings, options::Key::kGuardFirst, options.guard_first);
  if (!options.guard_rate.empty()) append_setting(settings, options::Key::kGuardRate, options.guard_rate);
  return settings;
}

std::string rendered(const CheckReport& report, const CheckOptions& options) {
  if (options.format == "json") return check_json(report);
  if (options.format == "sarif") return check_sarif(report);
  if (options.format == "junit") return check_junit(report);
  return check_text(report, options.output.empty() ? Palette::for_file(stderr) : Palette(false));
}

void check(const CheckOptions& options) {
  const std::vector<std::string>& arguments = program_arguments();
  if (arguments.empty()) throw Failure(kExitUsage, "check: no program given; see 'loam check --help'");
  if (options.thorough && options.full)
    throw Failure(kExitUsage, "check: --thorough and --full exclude each other");
  Suppressions suppressions;
  if (!options.suppressions.empty()) suppressions.add_file(options.suppressions);
  const Program program = resolve_program(arguments.front());
  const std::string library = find_library(options.library);
  for (const std::string& warning : program.warnings) fmt::print(stderr, "loam: warning: {}\n", warning);
  // A report that cannot be written must not cost the whole run of the program: find out before.
  if (!options.output.empty()) write_output(options.output, stderr, "");

  const FindingFile file;
  const LeaksFolder folder;
  Launch launch;
  launch.path = program.path;
  launch.arguments = arguments;
  launch.environment = {{"LD_PRELOAD", preload(library)},
                        {"LOAM_OPTIONS", settings_for(options, file.path(), folder.path())}};
  const Ended ended = run_program(launch);
  Symbols symbols;
  CheckReport report = make_check_report(arguments, ended, file, suppressions, symbols);
  report.summary.notes.insert(report.summary.notes.begin(), program.warnings.begin(), program.warnings.end());
  const LeakWish wish = options.leaks == "no"    ? LeakWish::kNo
                        : options.leaks == "all" ? LeakWish::kAll
                                                 : LeakWish::kDefinite;
  add_leaks(report, folder.path(), wish, suppressions, symbols);
  write_output(options.output, stderr, rendered(report, options));
  set_exit_status(report.findings.empty() ? pass_status_on(ended.wait_status) : options.exit_code);
}

void add_options(CLI::App& command, CheckOptions& options) {
  add_flag(command, "--thorough", options.thorough, "More guard pages: several times slower, finds more");
  add_flag(command, "--full", options.full, "Every block behind a guard page, as far as memory reaches");
  add_flag(command, "--flip", options.flip, "Guard pages in front of blocks instead of behind them");
  add_flag(command, "--keep-going", options.keep_going,
           "Do not stop at a wrong free or a bad access: leave it undone, or let it through");
  add_choice(command, "--leaks", options.leaks, {"no", "definite", "all"},
             "Leaks when a process ends: those that nothing points to, or also those that only a "
             "dead-looking place or an unseen register may hold",
             Default::kShown);
  add_number(command, "--exit-code", options.exit_code, 0, 255, "Exit status when there are findings");
  add_text(command, "--suppressions", options.suppressions, "FILE",
           "What not to report: valgrind's format, LSan's, or lines KIND:PATTERN");
  add_text(command, "--quarantine", options.quarantine, "MIB",
           "MiB of freed memory kept from being used again (24)");
  add_text(command, "--guard-first", options.guard_first, "N",
           "Blocks of each call site put behind a guard page (4)");
  add_text(command, "--guard-rate", options.guard_rate, "N", "After those, one block in N (1000)");
  add_choice(command, "--format", options.format, {"text", "json", "sarif", "junit"},
             "text (for people), or json, sarif, junit (for machines)");
  add_text(command, "-o,--output", options.output, "FILE", "Write to FILE instead of standard error");
  add_text(command, "--library", options.library, "FILE",
           "Preload this libloam.so instead of the one beside the tool");
}

}  // namespace

void register_check(CLI::App& app) {
  CLI::App& command = add_command(
      app, "check", "Run a program and find what it does wrong with its memory",
      "Finds double, invalid and mismatched frees, writes and reads outside of blocks and after their free, "
      "and\n"
      "leaks, in a program that was not rebuilt. Children and the programs they execute are watched too.\n\n"
      "Exit status: 99 (--exit-code) with findings, else that of the program. 2 wrong usage, 125 loam "
      "cannot\n"
      "serve the program, 126 program not executable, 127 program not found.\n\n"
      "Examples:\n"
      "  loam check -- ./service --once\n"
      "  loam check --full --format sarif --output findings.sarif -- ./tests",
      Takes::kProgram);
  auto options = std::make_shared<CheckOptions>();
  add_options(command, *options);
  on_run(command, [options] { check(*options); });
}

}  // namespace loam::tool
