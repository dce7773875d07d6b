// The commands of the tool: each file of this folder registers one, with its options, help and examples.
//
// A command does its work in its CLI11 callback and leaves its exit status with set_exit_status, or throws
// Failure. A command with prefix_command() set takes a program to run: main cuts `PROGRAM ARGS...` off the
// command line before CLI11 sees it (the program's own options must not be read as ours) and keeps it for
// program_arguments(). Where a command takes files as well, a program must stand behind `--`.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace loam::tool {

void register_run(CLI::App& app);
void register_check(CLI::App& app);
void register_stats(CLI::App& app);
void register_leaks(CLI::App& app);
void register_record(CLI::App& app);
void register_export(CLI::App& app);
void register_report(CLI::App& app);
void register_doctor(CLI::App& app);
void register_replay(CLI::App& app);
void register_compare(CLI::App& app);
void register_bench(CLI::App& app);

// Adds the hidden `--generate man|bash|zsh|fish|markdown`, which prints documentation made from the app
// itself.
void register_generate(CLI::App& app);

void set_exit_status(int status);

const std::vector<std::string>& program_arguments();

}  // namespace loam::tool
