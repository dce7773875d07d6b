// The two options which every command that prints something for machines has: --format and --output.
#pragma once

#include <string>

#include "tool/commands/arguments.hpp"

namespace loam::tool {

struct OutputOptions {
  std::string format = "text";
  std::string output;

  bool json() const { return format == "json"; }

  void add_to(CLI::App& command, const std::string& otherwise) {
    add_choice(command, "--format", format, {"text", "json"}, "text (for people) or json (for machines)");
    add_text(command, "-o,--output", output, "FILE", "Write to FILE instead of " + otherwise);
  }
};

}  // namespace loam::tool
