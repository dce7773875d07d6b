// The command line of loam: finds the command, cuts off the program to run, turns failures into messages.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tool/commands/commands.hpp"
#include "tool/model/failure.hpp"

namespace loam::tool {
namespace {

constexpr std::size_t kHelpWidth = 100;

int g_exit_status = kExitClean;
std::vector<std::string> g_program;

std::size_t positionals_of(const CLI::App& command) {
  return command.get_options([](const CLI::Option* option) { return option->get_positional(); }).size();
}

// Help whose usage line names the program that a command runs.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string own = CLI::Formatter::make_usage(app, name);
    if (!app->get_prefix_command()) return own;
    own.resize(own.find_last_not_of('\n') + 1);
    if (positionals_of(*app) == 0) return own + " [--] PROGRAM [ARGS...]\n";
    return own + "\n       " + name + " [OPTIONS] -- PROGRAM [ARGS...]\n";
  }

  // Sentences are broken into lines; CLI11 indents what follows a line break.
  std::string make_option_desc(const CLI::Option* option) const override {
    std::string out;
    std::size_t width = 0;
    std::istringstream words(CLI::Formatter::make_option_desc(option));
    for (std::string word; words >> word; width += word.size() + 1) {
      const bool full = width + word.size() > kHelpWidth - get_column_width();
      if (full) width = 0;
      out += (full ? "\n" : out.empty() ? "" : " ") + word;
    }
    return out;
  }
};

// The option's own part of `--option=value` and `-oVALUE`.
std::string name_of(const std::string& word) {
  const bool is_long = word.starts_with("--");
  return word.substr(0, is_long ? word.find('=') : 2);
}

bool is_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

// Does `word` take the next argument as its value? Flags, `--option=value` and `-oVALUE` do not.
bool takes_next(const CLI::App& command, const std::string& word) {
  if (word.find('=') != std::string::npos || name_of(word) != word) return false;
  const CLI::Option* option = command.get_option_no_throw(word);
  return option != nullptr && option->get_items_expected_max() > 0;
}

// Moves PROGRAM ARGS... of a command that runs a program out of `arguments`: what stands after `--`, or, if the command takes no
// files, after the first word which is neither an option nor the value of one.
void cut_program(const CLI::App& app, std::vector<std::string>& arguments) {
  if (arguments.empty()) return;
  const auto commands = app.get_subcommands(
      [&](const CLI::App* sub) { return sub->get_name() == arguments.front() && sub->get_prefix_command(); });
  if (commands.empty()) return;
  const CLI::App* command = commands.front();
  const bool takes_files = positionals_of(*command) > 0;
  std::size_t i = 1;
  while (i < arguments.size() && arguments[i] != "--" && (is_option(arguments[i]) || takes_files)) {
    i += is_option(arguments[i]) && takes_next(*command, arguments[i]) ? std::size_t{2} : std::size_t{1};
  }
  if (i >= arguments.size()) return;
  const std::size_t start = arguments[i] == "--" ? i + 1 : i;
  g_program.assign(arguments.begin() + static_cast<std::ptrdiff_t>(start), arguments.end());
  arguments.resize(i);
}

// CLI11 says "a subcommand is required" to a misspelt command and to none.
void check_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty()) throw Failure(kExitUsage, "no command given; see 'loam --help'");
  if (arguments.front().starts_with('-')) return;
  const auto known =
      app.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == arguments.front(); });
  if (known.empty()) {
    throw Failure(kExitUsage, fmt::format("unknown command '{}'; see 'loam --help'", arguments.front()));
  }
}

// With prefix_command() CLI11 takes an option that it does not know for the beginning of the program.
void refuse_unknown(const CLI::App& command, const std::vector<std::string>& arguments) {
  if (!command.get_prefix_command() || arguments.empty() || arguments.front() != command.get_name()) return;
  std::size_t files = positionals_of(command);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (!is_option(arguments[i]) && files > 0) {
      --files;
      continue;
    }
    const std::string name = is_option(arguments[i]) ? name_of(arguments[i]) : arguments[i];
    if (command.get_option_no_throw(name) == nullptr) {
      throw Failure(kExitUsage,
                    fmt::format("{} '{}'; see 'loam {} --help'",
                                is_option(name) ? "unknown option" : "unexpected", name, command.get_name()));
    }
    if (takes_next(command, arguments[i])) ++i;
  }
}

// CLI11 lists all that is left over, last first, values of unknown options among it.
std::string unexpected(const CLI::App& app) {
  for (const CLI::App* command : app.get_subcommands()) {
    const std::vector<std::string> left = command->remaining(true);
    const auto option = std::find_if(left.begin(), left.end(), is_option);
    if (option != left.end())
      return fmt::format("unknown option '{}'; see 'loam {} --help'", name_of(*option), command->get_name());
    if (!left.empty())
      return fmt::format("unexpected '{}'; see 'loam {} --help'", left.front(), command->get_name());
  }
  return "unexpected arguments; see 'loam --help'";
}

int run(int argc, char** argv) {
  CLI::App app{"loam: the memory system of a native program", "loam"};
  app.set_version_flag("--version", "loam " LOAM_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* command, const CLI::Error& error) {
    (void)command;
    return fmt::format("loam: {}\nTry 'loam --help', or 'loam COMMAND --help'.\n", error.what());
  });
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_formatter()->column_width(34);
  app.footer(
      "Exit status: that of the program for commands which run one; else 0 done, 1 failed, 2 wrong usage,\n"
      "125 loam cannot serve the program, 126 program not executable, 127 program not found.\n\n"
      "Examples:\n"
      "  loam run --stats -- python3 script.py\n"
      "  loam check -- ./service\n"
      "  loam stats 4711\n"
      "  loam doctor");
  register_run(app);
  register_check(app);
  register_stats(app);
  register_leaks(app);
  register_record(app);
  register_report(app);
  register_export(app);
  register_doctor(app);
  register_replay(app);
  register_compare(app);
  register_bench(app);
  register_generate(app);

  std::vector<std::string> arguments(argv + 1, argv + argc);
  check_command(app, arguments);
  cut_program(app, arguments);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    for (const CLI::App* command : app.get_subcommands({})) refuse_unknown(*command, arguments);
    app.parse(reversed);
  } catch (const CLI::ExtrasError&) {
    throw Failure(kExitUsage, unexpected(app));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitClean : kExitUsage;
  }
  return g_exit_status;
}

}  // namespace

void set_exit_status(int status) { g_exit_status = status; }
const std::vector<std::string>& program_arguments() { return g_program; }

}  // namespace loam::tool

int main(int argc, char** argv) {
  try {
    return loam::tool::run(argc, argv);
  } catch (const loam::tool::Failure& failure) {
    fmt::print(stderr, "loam: {}\n", failure.what());
    return failure.status();
  } catch (const std::exception& error) {
    fmt::print(stderr, "loam: {}\n", error.what());
    return loam::tool::kExitFailure;
  }
}
