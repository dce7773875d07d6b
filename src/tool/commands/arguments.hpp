// What a command says of its command line: its name, options and help. The one door to CLI11, whose headers take seven
// seconds to compile wherever they are used; so only arguments.cpp, main.cpp and the generator of documents include them.
//
// Everything taken by reference is written to when the command line is parsed and must outlive that.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace loam::tool {

// kProgram: followed by [--] PROGRAM [ARGS...]; by -- PROGRAM [ARGS...] if the command takes files as well.
enum class Takes { kOptions, kProgram };

// `footer` stands below the options in help and in the manual page: exit status and examples.
CLI::App& add_command(CLI::App& parent, const std::string& name, const std::string& sentence,
                      const std::string& footer, Takes takes = Takes::kOptions);

// What the command does once its command line is read.
void on_run(CLI::App& command, std::function<void()> action);

// Was none of the commands inside this one named?
bool is_innermost(const CLI::App& command);

void add_flag(CLI::App& command, const std::string& name, bool& value, const std::string& sentence);
void add_flag(CLI::App& command, const std::string& name, std::function<void()> given,
              const std::string& sentence);

// --NAME, after which `value` is "true", or --NAME=FILE.
void add_flag_or_file(CLI::App& command, const std::string& name, std::string& value,
                      const std::string& sentence);

// `type` names the value in help: FILE, N, MIB.
void add_text(CLI::App& command, const std::string& name, std::string& value, const std::string& type,
              const std::string& sentence);
void add_number(CLI::App& command, const std::string& name, std::uint64_t& value, const std::string& type,
                const std::string& sentence);
// Between lowest and highest, both included; help says what it is otherwise.
void add_number(CLI::App& command, const std::string& name, int& value, int lowest, int highest,
                const std::string& sentence);
// A number of seconds, as 60, 60s, 5m or 1h.
void add_seconds(CLI::App& command, const std::string& name, double& value, const std::string& sentence);

enum class Default { kHidden, kShown };
void add_choice(CLI::App& command, const std::string& name, std::string& value,
                std::vector<std::string> words, const std::string& sentence,
                Default fallback = Default::kHidden);

// A value that `complaint` judges: empty if it is right, else a sentence.
void add_judged(CLI::App& command, const std::string& name, const std::string& type,
                const std::string& sentence, std::function<std::string(const std::string&)> complaint,
                std::function<void(const std::string&)> given);

// The first word that is no option, which must be there.
void add_process(CLI::App& command, std::uint64_t& pid);
void add_file(CLI::App& command, const std::string& name, std::string& path, const std::string& sentence);
// The same where there may be none.
void add_optional_file(CLI::App& command, const std::string& name, std::string& path,
                       const std::string& sentence);

}  // namespace loam::tool
