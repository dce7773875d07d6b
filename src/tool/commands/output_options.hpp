// The two options which every command that prints something for machines has: --format and --output.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <memory>
#include <string>

namespace loam::tool {

struct OutputOptions {
  std::string format = "text";
  std::string output;

  bool json() const { return format == "json"; }

  void add_to(CLI::App& command, const std::string& otherwise) {
    command.add_option("--format", format, "text (for people) or json (for machines)")
        ->check(CLI::Validator(
            [](const std::string& word) {
              return word == "text" || word == "json" ? std::string() : "text or json, not '" + word + "'";
            },
            ""))
        ->type_name("text|json");
    command.add_option("--output", output, "Write to FILE instead of " + otherwise)->type_name("FILE");
  }
};

}  // namespace loam::tool
