#include "micro/options.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace loam::bench {
namespace {

[[noreturn]] void usage(const Command& command) {
  std::printf(
      "Usage: %s [--allocators LIST] [%s N] [--all] [OPERATION...]\n%s\n\n"
      "  --allocators LIST  names or NAME=LIBRARY, by commas (default "
      "loam,glibc,jemalloc,mimalloc,tcmalloc)\n"
      "  %-16s   %s (default %ld)\n"
      "  --all              every operation, not only the basic ones\n\n%s\n\nOperations:",
      command.name, command.number_option, command.what, (command.number_option + std::string(" N")).c_str(),
      command.number_means, command.number, command.ending);
  for (const Operation& operation : command.operations)
    std::printf(" %s", std::string(operation.name).c_str());
  std::printf("\n");
  std::exit(0);
}

[[noreturn]] void refuse(const Command& command, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", command.name, why.c_str());
  std::exit(kUsageStatus);
}

const Operation* find(const Command& command, const std::string& name) {
  const auto& all = command.operations;
  const auto known =
      std::find_if(all.begin(), all.end(), [&](const Operation& each) { return each.name == name; });
  return known == all.end() ? nullptr : find_operation(name);
}

}  // namespace

Arguments parse_arguments(const Command& command, const std::vector<std::string>& words) {
  Arguments arguments;
  arguments.number = command.number;
  std::string list;
  bool all = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool has_value = i + 1 < words.size();
    if (word == "--help") usage(command);
    if (word == "--all") {
      all = true;
    } else if (word == "--allocators" && has_value) {
      list = words[++i];
    } else if (word == command.number_option && has_value) {
      arguments.number = std::atol(words[++i].c_str());
    } else if (const Operation* operation = find(command, word)) {
      arguments.chosen.push_back(operation);
    } else {
      refuse(command, "unknown operation or option \"" + word + "\" (see --help)");
    }
  }
  if (arguments.number < 1) refuse(command, std::string(command.number_option) + " must be at least 1");
  if (arguments.chosen.empty()) {
    for (const Operation& operation : command.operations) {
      if (all || operation.is_basic) arguments.chosen.push_back(find_operation(operation.name));
    }
  }
  using namespace tool::bench;
  arguments.allocators = list.empty() ? default_allocators() : parse_allocators(list);
  return arguments;
}

}  // namespace loam::bench
