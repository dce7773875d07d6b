#include "tool/commands/arguments.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <map>

#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr std::uint64_t kMostPid = 1U << 22;  // what the kernel's pid_max may be

// Without a name of its own, which help would print behind the option's.
CLI::Validator validator(std::function<std::string(const std::string&)> complaint) {
  return {[complaint = std::move(complaint)](const std::string& word) { return complaint(word); }, ""};
}

}  // namespace

CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& sentence,
                      const std::string& footer, Takes takes) {
  CLI::App* command = parent.add_subcommand(name, sentence);
  if (takes == Takes::kProgram) command->prefix_command();
  command->footer(footer);
  return *command;
}

void on_run(CLI::App& command, std::function<void()> action) { command.callback(std::move(action)); }

bool is_innermost(const CLI::App& command) { return command.get_subcommands().empty(); }

void add_flag(CLI::App& command, const std::string& name, bool& value, const std::string& sentence) {
  command.add_flag(name, value, sentence);
}

void add_flag(CLI::App& command, const std::string& name, std::function<void()> given,
              const std::string& sentence) {
  command.add_flag_callback(name, std::move(given), sentence);
}

void add_flag_or_file(CLI::App& command, const std::string& name, std::string& value,
                      const std::string& sentence) {
  command.add_flag(name, value, sentence)->type_name("[=FILE]");
}

void add_text(CLI::App& command, const std::string& name, std::string& value, const std::string& type,
              const std::string& sentence) {
  command.add_option(name, value, sentence)->type_name(type);
}

void add_number(CLI::App& command, const std::string& name, std::uint64_t& value, const std::string& type,
                const std::string& sentence) {
  command.add_option(name, value, sentence)->type_name(type);
}

void add_number(CLI::App& command, const std::string& name, int& value, int lowest, int highest,
                const std::string& sentence) {
  command.add_option(name, value, sentence)->check(CLI::Range(lowest, highest))->capture_default_str();
}

void add_seconds(CLI::App& command, const std::string& name, double& value, const std::string& sentence) {
  command.add_option(name, value, sentence)
      ->type_name("SECONDS")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, double>{{"s", 1}, {"m", 60}, {"h", 3600}},
                                        CLI::AsNumberWithUnit::DEFAULT));
}

void add_choice(CLI::App& command, const std::string& name, std::string& value,
                std::vector<std::string> words, const std::string& sentence, Default fallback) {
  const std::string type = fmt::format("{}", fmt::join(words, "|"));
  CLI::Option* option = command.add_option(name, value, sentence);
  option->type_name(type)->check(validator([words = std::move(words)](const std::string& word) {
    const bool known = std::find(words.begin(), words.end(), word) != words.end();
    return known ? std::string() : fmt::format("{}, not '{}'", fmt::join(words, ", "), word);
  }));
  if (fallback == Default::kShown) option->capture_default_str();
}

void add_judged(CLI::App& command, const std::string& name, const std::string& type,
                const std::string& sentence, std::function<std::string(const std::string&)> complaint,
                std::function<void(const std::string&)> given) {
  command.add_option_function<std::string>(name, std::move(given), sentence)
      ->check(validator(std::move(complaint)))
      ->type_name(type);
}

void add_process(CLI::App& command, std::uint64_t& pid) {
  command.add_option("PID", pid, "The process")->required()->check(validator([](const std::string& word) {
    const auto number = to_number(word);
    const bool valid = number && *number >= 1 && *number <= kMostPid;
    return valid ? std::string() : fmt::format("'{}' is no process id (1 to {})", word, kMostPid);
  }));
}

void add_file(CLI::App& command, const std::string& name, std::string& path, const std::string& sentence) {
  command.add_option(name, path, sentence)->required();
}

void add_optional_file(CLI::App& command, const std::string& name, std::string& path,
                       const std::string& sentence) {
  command.add_option(name, path, sentence);
}

}  // namespace loam::tool
