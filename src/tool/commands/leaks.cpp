// `loam leaks PID`: the blocks that a running process has lost, found in a copy of it.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

#include "tool/commands/commands.hpp"
#include "tool/commands/output_options.hpp"
#include "tool/model/chain_report.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/leak_report.hpp"
#include "tool/model/process.hpp"
#include "tool/model/suppressions.hpp"
#include "tool/render/chain.hpp"
#include "tool/render/leaks.hpp"

namespace loam::tool {
namespace {

struct LeaksOptions {
  OutputOptions output;
  std::uint64_t pid = 0;
  bool since_last = false;
  double every = 0;  // seconds
  std::uint64_t looks = 0;
  std::string suppressions;
  std::string chain;
  int exit_code = kExitFindings;
  LeakView view;
};

// Where the last look at a process is kept, for --since-last. In a folder that only this user can write to.
std::string memory_path(std::uint64_t pid) {
  const char* own = environment("XDG_RUNTIME_DIR");
  std::string folder =
      own != nullptr && own[0] != '\0' ? fmt::format("{}/loam", own) : fmt::format("/tmp/loam-{}", getuid());
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw Failure(kExitFailure, fmt::format("cannot make {}: {}", folder, error_text(errno)));
  struct stat info{};
  if (lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != getuid() ||
      (info.st_mode & 022) != 0)
    throw Failure(kExitFailure, fmt::format("{} is not a folder that only you can write to", folder));
  return fmt::format("{}/leaks-{}-{}.json", folder, pid, start_ticks(pid).value_or(0));
}

void write_look(const LeaksOptions& options, const LeakReport& report, std::string& all) {
  if (options.output.json()) {
    all += leaks_json(report, options.view);
  } else {
    const Palette palette = options.output.output.empty() ? Palette::for_file(stdout) : Palette(false);
    all += leaks_text(report, options.view, palette);
  }
  // With --every each look is shown when it was taken; a file holds all of them.
  write_output(options.output.output, stdout, all);
  if (options.output.output.empty()) {
    std::fflush(stdout);
    all.clear();
  }
}

void sleep_for(double seconds) {
  timespec left{static_cast<time_t>(seconds),
                static_cast<long>((seconds - static_cast<double>(static_cast<time_t>(seconds))) * 1e9)};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void show_chain(const LeaksOptions& options) {
  const ChainReport report = ask_chain(options.pid, options.chain);
  const Palette palette = options.output.output.empty() ? Palette::for_file(stdout) : Palette(false);
  write_output(options.output.output, stdout,
               options.output.json() ? chain_json(report) : chain_text(report, palette));
  using format::ChainState;
  const ChainState state = report.header.state;
  set_exit_status(state == ChainState::kHeld   ? kExitClean
                  : state == ChainState::kLost ? options.exit_code
                                               : kExitFailure);
}

void leaks(LeaksOptions& options) {
  if (!options.chain.empty()) return show_chain(options);
  Suppressions suppressions;
  if (!options.suppressions.empty()) suppressions.add_file(options.suppressions);
  Symbols symbols;
  std::string before;
  std::string path;
  if (options.since_last) {
    path = memory_path(options.pid);
    before = read_file(path).value_or("");
  }
  options.view.only_new = options.since_last;
  const std::uint64_t looks = options.looks != 0 ? options.looks : options.every > 0 ? ~std::uint64_t{0} : 1;
  std::string all;
  for (std::uint64_t i = 0; i < looks; ++i) {
    if (i > 0) sleep_for(options.every);
    if (i > 0 && !is_alive(options.pid, 0)) break;
    LeakReport report = look_for_leaks(options.pid);
    const double now = seconds_now();
    compare_leaks(report, before, now);
    before = remember_leaks(report, now);
    suppress_leaks(report, suppressions, symbols);
    write_look(options, report, all);
    if (!path.empty()) write_output(path, stdout, before);
    set_exit_status(report.groups.empty() ? kExitClean : options.exit_code);
  }
}

}  // namespace

void register_leaks(CLI::App& app) {
  CLI::App& command = add_command(
      app, "leaks", "Find the blocks that a running process has lost",
      "The process stands still while it is copied, for some milliseconds; the search goes on in the copy.\n"
      "Nothing is attached to it, so this works where ptrace is forbidden. Threads that wait in poll, "
      "epoll_wait\n"
      "or sleep are not disturbed.\n\n"
      "definite: no pointer leads there. dead-slot: only a place that looks unused does. unknown: registers "
      "of\n"
      "waiting threads, which nobody can see, could hold as many blocks.\n\n"
      "Exit status: 0 nothing is lost, 99 (--exit-code) something is, 1 the process cannot be searched, 2 "
      "wrong usage.\n\n"
      "Examples:\n"
      "  loam leaks 4711\n"
      "  loam leaks 4711 --every 60s --looks 3\n"
      "  loam leaks 4711 --since-last --format json\n"
      "  loam leaks 4711 --chain cache_insert");
  auto options = std::make_shared<LeaksOptions>();
  add_process(command, options->pid);
  add_flag(command, "--since-last", options->since_last,
           "Show only what was lost since the last look with this option");
  add_seconds(
      command, "--every", options->every,
      "Look again and again, so many seconds apart (60, 60s, 5m, 1h), and compare each with the last");
  add_number(command, "--looks", options->looks, "N", "End after so many looks");
  add_number(command, "--groups", options->view.most_groups, "N", "Show so many groups at most");
  add_text(command, "--suppressions", options->suppressions, "FILE",
           "What not to report: valgrind's format, LSan's, or lines leak:PATTERN and growth:PATTERN");
  add_text(command, "--chain", options->chain, "WHAT",
           "Instead: by which pointers a block is held, from the roots on; WHAT is an address in it (0x...), "
           "or part of the "
           "name of a function that has allocated it");
  add_number(command, "--exit-code", options->exit_code, 0, 255, "Exit status when something is lost");
  options->output.add_to(command, "standard output");
  on_run(command, [options] { leaks(*options); });
}

}  // namespace loam::tool
