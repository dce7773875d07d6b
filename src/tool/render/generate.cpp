#include "tool/render/generate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <vector>

#include "options/options.hpp"

namespace loam::tool {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_name().empty(); });
}

// Options in the order of their definition, without hidden ones and positionals.
std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) {
    return !option->get_group().empty() && !option->get_lnames().empty();
  });
}

// The name of the value, without what CLI11 adds for a range.
std::string type_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.substr(0, type.find(":INT in"));
}

// Whether files may stand on its command line; a program then stands behind "--".
bool takes_files(const CLI::App& command) {
  return !command.get_options([](const CLI::Option* option) { return option->get_positional(); }).empty();
}

// What follows the options, for the synopsis.
std::string operands_of(const CLI::App& command) {
  if (!command.get_prefix_command()) return command.get_name() == "stats" ? " PID" : "";
  if (!takes_files(command)) return " [\\-\\-] PROGRAM [ARGS...]";
  return fmt::format(" BEFORE AFTER\n.br\n.B loam {}\n[OPTIONS] \\-\\- PROGRAM [ARGS...]",
                     command.get_name());
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// "--format text|json", as it is typed.
std::string spelled(const CLI::Option& option) {
  std::string out;
  for (const std::string& name : option.get_snames()) out += fmt::format("-{}, ", name);
  out += "--" + option.get_lnames().front();
  const std::string type = type_of(option);
  const bool named = takes_value(option) || type.starts_with('[');
  if (!named || type.empty()) return out;
  return out + (type.starts_with('[') ? "" : " ") + type;
}

// The words a value can have, if its type name lists them: "mmap|sbrk|file:PATH" -> "mmap sbrk file:".
std::vector<std::string> choices(const CLI::Option& option) {
  std::vector<std::string> words;
  const std::string type = type_of(option);
  if (type.find('|') == std::string::npos) return words;
  std::size_t start = 0;
  while (start <= type.size()) {
    const std::size_t end = std::min(type.find('|', start), type.size());
    std::string word = type.substr(start, end - start);
    const std::size_t colon = word.find(':');
    if (colon != std::string::npos) word.resize(colon + 1);
    words.push_back(word);
    start = end + 1;
  }
  return words;
}

// Text for roff: backslashes, and dots or quotes that would begin a request.
std::string roff(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_start = c == '\n';
  }
  return out;
}

std::string roff_block(const std::string& text) { return ".PP\n.nf\n" + roff(text) + "\n.fi\n"; }

std::string roff_options(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : options_of(app)) {
    out += fmt::format(".TP\n.B {}\n{}\n", roff(spelled(*option)), roff(option->get_description()));
  }
  return out;
}

std::string roff_command(const CLI::App& command, const std::string& name) {
  const std::string footer = command.get_footer();
  return fmt::format(".SS {}\n{}.\n", roff(name), roff(command.get_description())) + roff_options(command) +
         (footer.empty() ? "" : roff_block(footer));
}

std::string roff_environment() {
  std::string out =
      ".SH ENVIRONMENT\n.TP\n.B LOAM_OPTIONS\n"
      "Options of the runtime, as key=value:key=value. They mean the same as the flags of loam run and serve "
      "programs\n"
      "that start without the tool. A backslash takes the next character of a value literally. Ignored in "
      "setuid\n"
      "programs. The keys:\n.RS\n";
  for (const options::Option& rule : options::kOptions) {
    out += fmt::format(".TP\n.B {}={}\n{}", roff(rule.name), roff(rule.value_name), roff(rule.sentence));
    if (rule.fallback != nullptr) out += fmt::format(" Default {}.", roff(rule.fallback));
    out += "\n";
  }
  return out + ".RE\n.TP\n.B NO_COLOR\nSwitches colour off.\n";
}

std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out;
}

// Zsh reads brackets and colons in descriptions as syntax.
std::string zsh_safe(const std::string& text) {
  std::string out;
  for (const char c : quoted(text)) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : options_of(app)) words.push_back("--" + option->get_lnames().front());
  return words;
}

std::string bash_command(const CLI::App& command) {
  std::string out = fmt::format("    {})\n", command.get_name());
  for (const CLI::Option* option : options_of(command)) {
    if (!takes_value(*option)) continue;
    const auto words = choices(*option);
    const std::string reply = words.empty() ? "-f" : fmt::format("-W '{}'", fmt::join(words, " "));
    out += fmt::format(
        "      [[ $previous == --{} ]] && {{ COMPREPLY=($(compgen {} -- \"$current\")); return; }}\n",
        option->get_lnames().front(), reply);
  }
  out += fmt::format(
      "      [[ $current == -* ]] && {{ COMPREPLY=($(compgen -W '{}' -- \"$current\")); return; }}\n",
      fmt::join(names_of(command), " "));
  if (command.get_name() == "stats") {
    out += "      COMPREPLY=($(compgen -W \"$(ps -eo pid= 2>/dev/null)\" -- \"$current\"))\n";
  }
  if (command.get_prefix_command()) {
    out += "      COMPREPLY=($(compgen -c -f -- \"$current\"))\n";
  }
  return out + "      ;;\n";
}

}  // namespace

std::string man_page(const CLI::App& app) {
  std::string out = ".TH LOAM 1 \"\" \"loam\" \"User Commands\"\n.SH NAME\nloam \\- " +
                    roff("run programs on loam's malloc and tell what their heap costs") + "\n";
  out += ".SH SYNOPSIS\n";
  for (const CLI::App* command : commands_of(app)) {
    out += fmt::format(".B loam {}\n[OPTIONS]{}\n.br\n", command->get_name(), operands_of(*command));
  }
  out += ".SH OPTIONS\n" + roff_options(app) + ".SH COMMANDS\n";
  for (const CLI::App* command : commands_of(app)) {
    out += roff_command(*command, "loam " + command->get_name());
    for (const CLI::App* inner : commands_of(*command)) {
      out += roff_command(*inner, fmt::format("loam {} {}", command->get_name(), inner->get_name()));
    }
  }
  return out + roff_environment() + ".SH NOTES\n" + roff_block(app.get_footer());
}

std::string bash_completion(const CLI::App& app) {
  std::vector<std::string> commands;
  std::string cases;
  for (const CLI::App* command : commands_of(app)) {
    commands.push_back(command->get_name());
    cases += bash_command(*command);
  }
  return fmt::format(R"(# bash completion for loam, made by: loam --generate bash
_loam() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{} {}' -- "$current"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}  esac
}}
complete -o bashdefault -o default -F _loam loam
)",
                     fmt::join(commands, " "), fmt::join(names_of(app), " "), cases);
}

std::string zsh_completion(const CLI::App& app) {
  std::string out = "#compdef loam\n# zsh completion for loam, made by: loam --generate zsh\n_loam() {\n";
  out += "  local -a commands=(\n";
  for (const CLI::App* command : commands_of(app)) {
    out += fmt::format("    '{}:{}'\n", command->get_name(), zsh_safe(command->get_description()));
  }
  out +=
      "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n  case "
      "$words[2] in\n";
  for (const CLI::App* command : commands_of(app)) {
    out += fmt::format("    {})\n      shift words; (( CURRENT-- ))\n      _arguments \\\n",
                       command->get_name());
    for (const CLI::Option* option : options_of(*command)) {
      const std::string name = option->get_lnames().front();
      const auto words = choices(*option);
      const std::string value = !takes_value(*option) ? ""
                                : words.empty()       ? ":value:_files"
                                                      : fmt::format(":value:({})", fmt::join(words, " "));
      out += fmt::format("        '--{}[{}]{}' \\\n", name, zsh_safe(option->get_description()), value);
    }
    out += command->get_prefix_command() && !takes_files(*command) ? "        '*::program:_normal'\n"
           : command->get_name() == "stats"                        ? "        ':process:_pids'\n"
                                                                   : "        '*:file:_files'\n";
    out += "      ;;\n";
  }
  return out + "  esac\n}\n_loam \"$@\"\n";
}

std::string fish_completion(const CLI::App& app) {
  std::string out = "# fish completion for loam, made by: loam --generate fish\n";
  for (const CLI::App* command : commands_of(app)) {
    out += fmt::format("complete -c loam -n __fish_use_subcommand -f -a {} -d '{}'\n", command->get_name(),
                       quoted(command->get_description()));
  }
  for (const CLI::App* command : commands_of(app)) {
    const std::string when = fmt::format("'__fish_seen_subcommand_from {}'", command->get_name());
    for (const CLI::Option* option : options_of(*command)) {
      const auto words = choices(*option);
      const std::string value = !takes_value(*option) ? ""
                                : words.empty()       ? " -r"
                                                      : fmt::format(" -x -a '{}'", fmt::join(words, " "));
      out += fmt::format("complete -c loam -n {} -l {}{} -d '{}'\n", when, option->get_lnames().front(),
                         value, quoted(option->get_description()));
    }
    if (command->get_name() == "stats")
      out += fmt::format("complete -c loam -n {} -x -a '(__fish_complete_pids)'\n", when);
    if (command->get_prefix_command() && !takes_files(*command)) {
      out += fmt::format("complete -c loam -n {} -x -a '(__fish_complete_subcommand)'\n", when);
    }
  }
  return out;
}

std::string markdown_tables(const CLI::App& app) {
  const auto cell = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
    return text;
  };
  const auto section = [&](const CLI::App& command, const std::string& name) {
    std::string text = fmt::format("### `{}`\n\n{}.\n\n| option | meaning |\n| --- | --- |\n", name,
                                   command.get_description());
    for (const CLI::Option* option : options_of(command)) {
      text += fmt::format("| `{}` | {} |\n", cell(spelled(*option)), cell(option->get_description()));
    }
    return text + "\n";
  };
  std::string out;
  for (const CLI::App* command : commands_of(app)) {
    const std::string name = "loam " + command->get_name();
    out += section(*command, name);
    for (const CLI::App* inner : commands_of(*command))
      out += section(*inner, name + " " + inner->get_name());
  }
  out += "### `LOAM_OPTIONS`\n\n| key | values | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const options::Option& rule : options::kOptions) {
    out +=
        fmt::format("| `{}` | `{}` | {} | {} |\n", rule.name, cell(rule.value_name),
                    rule.fallback == nullptr ? "" : fmt::format("`{}`", rule.fallback), cell(rule.sentence));
  }
  return out;
}

}  // namespace loam::tool
